"""Reports of samples that are written down, with every figure computed by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.domain.slo.objective import GaugeIndicator, TimeWindow
from controlplane.domain.slo.report import AlertHistory, ObjectiveReport, Report, overall
from controlplane.domain.slo.selector import parse_selector
from controlplane.errors import DependencyUnreachable
from controlplane.services.slo.ports import Answer
from controlplane.services.slo.report.record import report_record
from tests.support.reports import (
    AVAILABILITY,
    BACKUPS,
    END,
    ERRORS,
    HISTORY,
    NOW,
    SILENT,
    START,
    WrittenSamples,
    alert,
    at,
    make_report,
    ms,
    story,
)

DAY = 86_400


def _of(report: Report, name: str) -> ObjectiveReport:
    return next(one for one in report.objectives if one.objective.name == name)


async def test_time_lost_unknown_and_excluded_are_kept_apart() -> None:
    report = _of(await make_report(), "mcp-availability")
    quantities = report.figures.quantities
    # 30 and 4 minutes down; two hours of maintenance; half a day unseen, of which the last sample vouches for 45 s,
    # that is for two more slots after its own.
    assert quantities.bad == 34 * 60
    assert quantities.excluded_seconds == 2 * 3600
    assert quantities.unknown_seconds == 12 * 3600 - 30
    assert quantities.good == 10 * DAY - 34 * 60 - 2 * 3600 - (12 * 3600 - 30)
    assert report.figures.sli == pytest.approx(1 - 2040 / 813_630)
    assert report.figures.coverage == pytest.approx(813_630 / (813_630 + 43_170))
    assert report.figures.budget.allowed == pytest.approx(813.63)
    assert report.figures.verdict == "missed"
    assert report.burn_rate == pytest.approx(2040 / 813.63)
    # Without the exclusions the outage of two hours would count.
    assert report.sli_with_exclusions == pytest.approx(1 - (2040 + 7200) / (813_630 + 7200))


async def test_losses_have_exact_bounds_and_the_alerts_that_tell_of_them() -> None:
    report = _of(await make_report(), "mcp-availability")
    first, second = report.losses
    assert (first.start, first.end, first.bad) == (at(2, 600), at(2, 630), 1800)
    assert (second.start, second.end, second.bad) == (at(7, 60), at(7, 64), 240)
    assert first.budget_share == pytest.approx(1800 / 813.63)
    # The alert of another service fires all the time since; it is listed last.
    assert [one.name for one in first.alerts] == ["ClaudeMemoryMCPDown", "DiskFull"]
    assert [one.starts_at for one in second.alerts] == [at(7, 61), at(2, 605)]
    assert (report.loss_count, report.spread_thin) == (2, 0)
    (unknown,) = report.unknown
    assert (unknown.start, unknown.end, unknown.seconds) == (at(5, 0.5), at(5, 720), 12 * 3600 - 30)


async def test_events_lost_in_ten_minutes_stand_out_from_those_lost_now_and_then() -> None:
    report = _of(await make_report(), "mcp-errors")
    quantities = report.figures.quantities
    # A request a second, two hours excluded; one of 300 fails (24 of them during maintenance), and 300 in ten minutes.
    assert quantities.total == 10 * DAY - 7200
    assert quantities.bad == 2880 - 24 + 300
    assert report.figures.verdict == "met"
    (loss,) = report.losses
    assert (loss.start, loss.end) == (at(6, 600), at(6, 610))
    # 299 of the 300, and the regular ones of 10:00 and 10:05. The last is scraped in the first slot after it.
    assert (loss.bad, report.spread_thin) == (301, 3156 - 301)
    worst = report.worst_minutes[0]
    assert (worst.start, worst.bad, worst.total) == (ms(at(6, 605)), 31, 60)


async def test_freshness_at_the_end() -> None:
    report = _of(await make_report(), "backup-freshness")
    assert report.freshness is not None
    assert (report.freshness.newest, report.freshness.age_seconds) == (END - timedelta(hours=30), 30 * 3600)
    # More than 26 hours old for the last four.
    assert report.figures.quantities.bad == 4 * 3600


async def test_the_period_before_is_compared_with() -> None:
    report = await make_report()
    before = _of(report, "mcp-errors").before
    assert before is not None
    assert (before.quantities.bad, before.quantities.total) == (2880, 10 * DAY)
    silent = _of(report, "qdrant-availability").before
    assert silent is not None
    assert silent.sli is None


async def test_mean_times_of_the_alerts_that_began() -> None:
    report = await make_report()
    assert report.response is not None
    # 30 minutes and 4 minutes to resolve; 5 minutes to the only acknowledgement; one still fires.
    assert (report.response.alerts, report.response.resolved, report.response.acknowledged) == (3, 2, 1)
    assert report.response.mean_seconds_to_resolve == 17 * 60
    assert report.response.mean_seconds_to_acknowledge == 5 * 60
    own = _of(report, "mcp-availability").response
    assert own is not None
    assert (own.alerts, own.resolved) == (2, 2)
    assert _of(report, "qdrant-availability").response == replace(
        own, alerts=0, acknowledged=0, resolved=0, mean_seconds_to_acknowledge=None, mean_seconds_to_resolve=None
    )


async def test_nothing_acknowledged_is_not_known() -> None:
    history = AlertHistory((alert("A", at(1), at(1, 10)),))
    report = await make_report(AVAILABILITY, history=history)
    assert report.response is not None
    assert (report.response.acknowledged, report.response.mean_seconds_to_acknowledge) == (0, None)


async def test_alerts_that_cannot_be_read_are_not_known_and_make_the_report_incomplete() -> None:
    report = await make_report(AVAILABILITY, history=AlertHistory((), "no source of alerts answers"))
    assert (report.response, report.objectives[0].response, report.is_complete) == (None, None, False)


class _Gone(WrittenSamples):
    async def samples(self, selector: str, start: int, end: int) -> Answer:
        raise DependencyUnreachable("Prometheus at http://prometheus.example does not answer")


async def test_a_prometheus_that_does_not_answer_leaves_everything_unknown() -> None:
    report = await make_report(samples=_Gone({}))
    assert (report.verdict, report.is_complete, report.has_data) == ("not_enough_data", False, False)
    for one in report.objectives:
        assert (one.figures.sli, one.figures.coverage, one.figures.verdict) == (None, 0, "not_enough_data")
        (group,) = one.problems
        assert (group.kind, group.start, group.end) == ("failed", START, END)
        assert "http://prometheus.example does not answer" in group.detail


async def test_a_day_that_is_refused_is_unknown_and_named() -> None:
    selector = str(AVAILABILITY.indicator.gauge)  # type: ignore[union-attr]
    samples = story()
    samples.refuse(selector, ms(at(3, 300)), ms(at(3, 301)))
    report = _of(await make_report(samples=samples), "mcp-availability")
    assert report.figures.quantities.unknown_seconds == 12 * 3600 - 30 + DAY
    (group,) = report.problems
    assert (group.start, group.end) == (at(3), at(4))
    assert group.expressions == (selector,)
    # Nearly a tenth is unknown: worse than the target in any case, since 34 minutes are known to be lost.
    assert (report.figures.verdict, report.unknown_decides) == ("missed", False)


async def test_an_unknown_part_that_could_change_the_verdict_is_pointed_out() -> None:
    """Of ten days one is unknown; all else was good: met by what is known, and nobody can be sure."""
    samples = WrittenSamples({"up": lambda moments: moments * 0 + 1.0})
    samples.refuse("up", ms(at(3, 300)), ms(at(3, 301)))
    objective = replace(AVAILABILITY, indicator=GaugeIndicator(parse_selector("up")))
    (report,) = (await make_report(objective, samples=samples, exclusions=())).objectives
    assert (report.figures.verdict, report.unknown_decides, report.figures.coverage) == ("met", True, 0.9)
    strict = replace(objective, minimum_coverage=0.91)
    (report,) = (await make_report(strict, samples=samples, exclusions=())).objectives
    assert (report.figures.verdict, report.unknown_decides) == ("not_enough_data", True)


async def test_each_objective_over_its_own_window() -> None:
    """The same as `slo status`: until now, as long as the objective says."""
    hour = replace(AVAILABILITY, window=TimeWindow(rolling_seconds=3600))

    from tests.support.reports import WrittenAlerts, written_reporter

    reporter = written_reporter(story(), WrittenAlerts(HISTORY), ())
    report = await reporter.report([hour, ERRORS])
    assert report.period is None
    first, second = report.objectives
    assert (first.period.period.start, first.period.period.end) == (NOW - timedelta(hours=1), NOW)
    assert second.period.period.seconds == 7 * DAY
    assert (report.start, report.end) == (NOW - timedelta(days=7), NOW)
    assert first.figures.quantities.good == 3600


async def test_no_objective_is_not_enough_data() -> None:
    assert overall([]) == "not_enough_data"
    assert overall(["met", "at_risk"]) == "at_risk"
    assert overall(["at_risk", "not_enough_data"]) == "not_enough_data"
    assert overall(["not_enough_data", "missed"]) == "missed"


async def test_the_record_has_the_keys_of_the_contract() -> None:
    record = report_record(await make_report())
    assert set(record) == {
        "profile", "verdict", "generated_at", "version", "source", "complete", "period", "start", "end",
        "maintenance_problem", "objectives", "alerts", "incidents", "recovery", "outlook", "anomalies",
    }  # fmt: skip
    one = record["objectives"][0]
    assert {
        "name", "title_zh", "verdict", "sli", "objective", "coverage", "error_budget_remaining", "burn_rate", "bad",
        "unknown_decides", "period", "sli_with_exclusions", "before", "losses", "loss_count", "bad_outside_losses",
        "unknown_stretches", "unknown_count", "worst_minutes", "exclusions", "response", "freshness", "course",
        "bad_query", "total_query", "step_seconds", "problems", "queries_without_data",
        "maintenance_after_the_fact_seconds",
    } <= set(one)  # fmt: skip
    assert (one["maintenance_seconds"], one["maintenance_after_the_fact_seconds"]) == (3600, 3600)
    assert (one["losses"][0]["bad"], one["losses"][0]["alerts"][0]["name"]) == (1800, "ClaudeMemoryMCPDown")
    assert sum(point["bad"] for point in one["course"]) == 2040


@pytest.mark.parametrize("objective", [AVAILABILITY, ERRORS, BACKUPS, SILENT], ids=lambda one: one.name)
async def test_the_course_adds_up_to_the_figures(objective: object) -> None:
    (report,) = (await make_report(objective)).objectives  # type: ignore[arg-type]
    quantities = report.figures.quantities
    for name in ("good", "bad", "known_seconds", "unknown_seconds", "excluded_seconds"):
        assert sum(getattr(point, name) for point in report.course) == pytest.approx(getattr(quantities, name))
