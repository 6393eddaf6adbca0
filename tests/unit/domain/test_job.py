"""Schedules and catching up."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.job import MISSED_RUNS_RECORDED, Schedule, interval_times, plan_catch_up

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def times(count: int) -> list[datetime]:
    return [NOON + timedelta(hours=number) for number in range(count)]


@pytest.mark.parametrize(("every", "cron"), [(None, None), (1.0, "* * * * *")])
def test_a_schedule_is_an_interval_or_a_cron_expression(every: float | None, cron: str | None) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Schedule(every, cron)


def test_intervals_are_counted_from_the_epoch() -> None:
    after, until = NOON + timedelta(seconds=1), NOON + timedelta(seconds=90)
    assert interval_times(30, after, until) == [NOON + timedelta(seconds=seconds) for seconds in (30, 60, 90)]
    assert interval_times(30, NOON, NOON) == []


@pytest.mark.parametrize(
    ("case", "due", "run_latest", "recorded", "run_for"),
    [
        ("nothing missed", 0, True, 0, None),
        ("one missed, run late", 1, True, 0, NOON),
        ("three missed, the latest run late", 3, True, 2, NOON + timedelta(hours=2)),
        ("three missed, only recorded", 3, False, 3, None),
        ("very many missed", 500, False, MISSED_RUNS_RECORDED, None),
    ],
)
def test_catching_up(case: str, due: int, run_latest: bool, recorded: int, run_for: datetime | None) -> None:
    plan = plan_catch_up("task", times(due), run_latest)
    assert len(plan.record) == recorded, case
    assert plan.run_for == run_for
    assert {entry.outcome for entry in plan.record} <= {"missed"}


def test_runs_that_are_too_many_to_record_are_counted() -> None:
    first, *others = plan_catch_up("task", times(500), False).record
    assert f"{500 - MISSED_RUNS_RECORDED} earlier runs" in first.detail
    assert all("earlier" not in entry.detail for entry in others)
