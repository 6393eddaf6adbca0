"""Assessments from a source of samples that fails in every way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from controlplane.domain.maintenance import Exclusion
from controlplane.domain.slo.grid import Series
from controlplane.domain.slo.objective import CounterIndicator, GaugeIndicator, Objective, QueryIndicator, TimeWindow
from controlplane.domain.slo.selector import parse_selector
from controlplane.errors import DependencyUnreachable
from controlplane.services.slo.assess import Assessment, SloAssessor
from controlplane.services.slo.ports import Answer, QueryFailed
from controlplane.services.slo.present import as_record

DAY_MS = 86_400_000
STEP = 15_000
NOW = datetime(2026, 11, 20, 13, 30, 7, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
WINDOW = TimeWindow(rolling_seconds=3 * 86_400)
UP = Objective("up", "s", "t", "t", "", GaugeIndicator(parse_selector("up")), WINDOW, 0.999)
ERRORS = replace(
    UP, name="errors", indicator=CounterIndicator(parse_selector("all"), parse_selector("failed"), "bad"), target=0.9
)
QUERY = replace(UP, name="query", indicator=QueryIndicator("sum(b[$window])", "sum(a[$window])", "good"))

Values = Callable[[np.ndarray], np.ndarray]


class FakeSource:
    """Answers from functions of time; ``fail`` may raise for a stretch."""

    def __init__(self, values: dict[str, Values], fail: Callable[[int, int], None] = lambda start, end: None) -> None:
        self.values_of = values
        self.fail = fail
        self.asked: list[tuple[str, int, int]] = []
        self.warnings: tuple[str, ...] = ()
        self.copies = 1

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        first = start // STEP * STEP + 14_000
        return self._answer(selector, start, end, np.arange(first, end + 1, STEP, dtype=np.int64))

    async def values(self, query: str, start: int, end: int, step: int) -> Answer:
        return self._answer(query, start, end, np.arange(start, end + 1, step, dtype=np.int64))

    def _answer(self, name: str, start: int, end: int, at: np.ndarray) -> Answer:
        self.asked.append((name, start, end))
        self.fail(start, end)
        if name not in self.values_of:
            return Answer([])
        at = at[(at > start - 1) & (at <= end)]
        series = [Series({"job": "j", "copy": str(i)}, at, self.values_of[name](at)) for i in range(self.copies)]
        return Answer(series, self.warnings)


def _up(at: np.ndarray) -> np.ndarray:
    return np.ones(at.size)


async def _assess(source: FakeSource, *objectives: Objective, excluded: tuple[Exclusion, ...] = ()) -> list[Assessment]:
    return await SloAssessor(source, lambda: NOW, lambda *_: excluded).assess(objectives)


async def test_a_window_that_spans_days_is_assessed_whole() -> None:
    down_from, down_until = NOW_MS - DAY_MS - 600_000, NOW_MS - DAY_MS
    source = FakeSource({"up": lambda at: ((at < down_from) | (at >= down_until)).astype(float)})
    (result,) = await _assess(source, UP)
    assert result.figures.quantities.bad == 600
    assert result.figures.quantities.good == 3 * 86_400 - 600
    assert (result.figures.coverage, result.problems) == (1.0, ())
    assert [one.rate for one in result.pace.burn_rates][:2] == [0, 0]
    assert result.pace.burn_rates[-1].rate is not None


async def test_samples_shared_by_objectives_are_fetched_once() -> None:
    source = FakeSource({"all": lambda at: at / 1000, "failed": lambda at: at / 100_000})
    twin = replace(ERRORS, name="twin", target=0.95)
    first, second = await _assess(source, ERRORS, twin)
    assert len(source.asked) == len(set(source.asked))
    assert first.figures.quantities == second.figures.quantities
    assert first.figures.sli == pytest.approx(0.99)


async def test_a_source_that_never_answers_is_an_error() -> None:
    def fail(start: int, end: int) -> None:
        raise DependencyUnreachable("Prometheus at http://x does not answer")

    with pytest.raises(DependencyUnreachable, match="http://x"):
        await _assess(FakeSource({}, fail), UP)


async def test_a_source_that_goes_away_leaves_the_rest_unknown_and_says_so() -> None:
    gone_after = NOW_MS - DAY_MS

    def fail(start: int, end: int) -> None:
        if end > gone_after:
            raise DependencyUnreachable("gone")

    (result,) = await _assess(FakeSource({"up": _up}, fail), UP)
    assert 0 < result.figures.coverage < 1
    assert result.figures.sli == 1.0
    assert result.pace.burn_rate.rate is None
    assert all("unknown: gone" in problem for problem in result.problems)


async def test_a_refused_query_makes_its_day_unknown() -> None:
    midnight = NOW_MS // DAY_MS * DAY_MS

    def fail(start: int, end: int) -> None:
        if start < midnight - DAY_MS // 2 < end:
            raise QueryFailed("Prometheus answered 503")

    (result,) = await _assess(FakeSource({"up": _up}, fail), UP)
    assert result.figures.quantities.unknown_seconds == 86_400
    assert len(result.problems) == 1
    assert "2026-11-19" in result.problems[0] or "2026-11-18T23" in result.problems[0]


async def test_no_series_is_unknown_not_good() -> None:
    (result,) = await _assess(FakeSource({}), UP)
    assert (result.figures.sli, result.figures.coverage, result.figures.verdict) == (None, 0, "not_enough_data")
    assert result.problems == ("up: no data in the window",)


async def test_warnings_are_passed_on() -> None:
    source = FakeSource({"up": _up})
    source.warnings = ("remote read failed",)
    (result,) = await _assess(source, UP)
    assert any("warning: remote read failed" in problem for problem in result.problems)


async def test_a_query_of_several_series_is_unknown() -> None:
    source = FakeSource({"sum(a[15000ms])": _up, "sum(b[15000ms])": _up})
    source.copies = 2
    (result,) = await _assess(source, QUERY)
    assert result.figures.coverage == 0
    assert any("returns 2 series" in problem for problem in result.problems)


async def test_two_queries_make_a_ratio() -> None:
    source = FakeSource({"sum(a[15000ms])": _up, "sum(b[15000ms])": lambda at: np.full(at.size, 4.0)})
    (result,) = await _assess(source, QUERY)
    assert result.figures.sli == pytest.approx(0.25)


async def test_maintenance_is_excluded() -> None:
    source = FakeSource({"up": lambda at: (at < NOW_MS - 3_600_000).astype(float)})
    planned = Exclusion(1, "ada", "disk", NOW - timedelta(seconds=3_700), NOW - timedelta(seconds=1_800), True)
    late = Exclusion(2, "bob", "oops", NOW - timedelta(seconds=2_000), NOW + timedelta(seconds=1), False)
    (result,) = await _assess(source, UP, excluded=(planned, late))
    assert (result.figures.quantities.bad, result.figures.sli) == (0, 1.0)
    assert result.figures.quantities.excluded_seconds == pytest.approx(3_700, abs=15)
    record = as_record(result)
    assert (record["maintenance_seconds"], record["maintenance_after_the_fact_seconds"]) == (1_900, 1_800)
    assert [(one["maintenance_id"], one["planned"], one["ends_at"]) for one in record["exclusions"]] == [
        (1, True, planned.ends_at),
        (2, False, NOW),
    ]


async def test_a_clock_that_stepped_back_is_taken_at_its_word_until_it_is_right_again() -> None:
    """An outage in what was the last hour: an hour in the future nobody looks at it, and then it counts as ever."""
    source = FakeSource({"up": lambda at: (at < NOW_MS - 600_000).astype(float)})
    (behind,) = await SloAssessor(source, lambda: NOW - timedelta(hours=1)).assess([UP])
    assert behind.figures.quantities.bad == 0
    assert max(end for _, _, end in source.asked) < NOW_MS - 3_500_000
    (right,) = await SloAssessor(source, lambda: NOW).assess([UP])
    assert right.figures.quantities.bad == 600
    (ahead,) = await SloAssessor(FakeSource({"up": _until_now}), lambda: NOW + timedelta(hours=1)).assess([UP])
    assert ahead.figures.quantities.unknown_seconds == pytest.approx(3600, abs=60)


def _until_now(at: np.ndarray) -> np.ndarray:
    """Nothing after what is really now."""
    return np.where(at <= NOW_MS, 1.0, np.nan)


async def test_a_calendar_month_has_begun_and_goes_on() -> None:
    (result,) = await _assess(FakeSource({"up": _up}), replace(UP, window=TimeWindow(calendar="month")))
    assert result.period.start == datetime(2026, 11, 1, tzinfo=UTC)
    assert result.figures.quantities.good == pytest.approx((NOW - result.period.start).total_seconds(), abs=15)
    assert result.figures.budget.allowed == pytest.approx(0.001 * 30 * 86_400, rel=1e-4)
    assert result.period.full_end - result.period.start == timedelta(days=30)


async def test_the_record_has_the_keys_of_the_contract() -> None:
    (result,) = await _assess(FakeSource({"up": _up}), UP)
    record = as_record(result)
    assert {"name", "sli", "objective", "coverage", "error_budget_remaining", "burn_rate"} <= set(record)
    assert (record["sli"], record["objective"], record["trend"]) == (1.0, 0.999, "steady")
