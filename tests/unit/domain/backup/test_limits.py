"""When a set and a drill are due, what the status says, and which size is unusual."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.backup.drill import DrillOutcome, DrillReport
from controlplane.domain.backup.limits import BackupLimits, backup_due, drill_due, drill_status
from controlplane.domain.backup.overview import Overview, PartView, SetView, WalView
from controlplane.domain.backup.trend import SMALLEST_BYTES, size_ratios

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITS = BackupLimits(26 * HOUR, 8 * DAY, 10, 300)
MB = SMALLEST_BYTES


def made(age: timedelta, kind: str = "full", postgresql: int = MB, vectors: int = 0, verified: str = "good") -> SetView:
    parts = (PartView("postgresql", NOW, postgresql, 1, {}), PartView("vectors", NOW, vectors, 1, {}))
    at = NOW - age
    return SetView(at.isoformat(), "/x", True, kind, finished_at=at, parts=parts, verified=verified)  # type: ignore[arg-type]


def drilled(age: timedelta, outcome: DrillOutcome = "passed") -> DrillReport:
    return DrillReport("d", "s", NOW - age, NOW - age, outcome, "" if outcome == "passed" else "no space")


def test_a_set_is_due_after_the_newest_good_one() -> None:
    assert backup_due(Overview(), LIMITS) is None
    assert backup_due(Overview(wal=WalView(since=NOW - DAY)), LIMITS) == NOW + 2 * HOUR
    sets = (made(HOUR, verified="bad"), made(2 * HOUR))
    assert backup_due(Overview(sets), LIMITS) == NOW + 24 * HOUR


DUE = {
    "nothing to drill with": (Overview(), None),
    "never, counted from the oldest set": (Overview((made(HOUR), made(3 * DAY))), NOW + 5 * DAY),
    "after the latest that passed": (Overview((made(HOUR),), drills=(drilled(2 * DAY),)), NOW + 6 * DAY),
    "a failed one does not count": (
        Overview((made(HOUR),), drills=(drilled(HOUR, "failed"), drilled(7 * DAY))),
        NOW + DAY,
    ),
}


@pytest.mark.parametrize(("overview", "due"), DUE.values(), ids=DUE.keys())
def test_when_a_drill_is_due(overview: Overview, due: datetime | None) -> None:
    assert drill_due(overview, LIMITS) == due


STATES = {
    "none": (Overview((made(HOUR),)), "none"),
    "passed": (Overview((made(HOUR),), drills=(drilled(DAY),)), "passed"),
    "overdue": (Overview((made(HOUR),), drills=(drilled(9 * DAY),)), "overdue"),
    "never, and overdue": (Overview((made(9 * DAY),)), "overdue"),
    "failed": (Overview((made(HOUR),), drills=(drilled(HOUR, "failed"), drilled(DAY))), "failed"),
    "interrupted": (Overview((made(HOUR),), drills=(drilled(HOUR, "interrupted"), drilled(DAY))), "failed"),
}


@pytest.mark.parametrize(("overview", "state"), STATES.values(), ids=STATES.keys())
def test_what_the_status_says_of_drills(overview: Overview, state: str) -> None:
    assert drill_status(overview, LIMITS, NOW).state == state


def incremental(age: timedelta, size: int) -> SetView:
    return made(age, "incremental", size)


SIZES = {
    "too few to compare": ([made(HOUR), made(DAY)], {}),
    "as usual": ([made(HOUR, postgresql=2 * MB), made(DAY), made(2 * DAY)], {"postgresql": 2.0}),
    "shrunk": ([made(HOUR, postgresql=MB // 4), made(DAY), made(2 * DAY)], {"postgresql": 0.25}),
    "incremental ones are not compared": (
        [incremental(HOUR, 9 * MB), made(2 * HOUR), incremental(DAY, 1), made(2 * DAY), made(3 * DAY)],
        {"postgresql": 1.0},
    ),
    "vectors of every set are": (
        [made(HOUR, "incremental", 1, 3 * MB), made(DAY, "full", 1, MB), made(2 * DAY, "incremental", 1, MB)],
        {"vectors": 3.0},
    ),
    "tiny ones may double": ([made(HOUR, postgresql=100), made(DAY, postgresql=10), made(2 * DAY, postgresql=10)], {}),
    "bad ones do not count": (
        [made(0 * HOUR, postgresql=9 * MB, verified="bad"), made(HOUR), made(DAY), made(2 * DAY)],
        {"postgresql": 1.0},
    ),
}


@pytest.mark.parametrize(("sets", "ratios"), SIZES.values(), ids=SIZES.keys())
def test_the_size_of_the_newest_set_in_relation_to_the_earlier_ones(
    sets: list[SetView], ratios: dict[str, float]
) -> None:
    assert size_ratios(sets) == ratios
