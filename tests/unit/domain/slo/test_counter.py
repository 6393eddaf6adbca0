"""Counters on the grid, computed by hand: 15 s slots, 45 s staleness, gaps up to 90 s bridged."""

from math import nan

import pytest

from controlplane.domain.slo.events import counter_slots, query_slots
from controlplane.domain.slo.quantities import Quantities, tally
from tests.support.samples import series, slots

STALENESS, BRIDGE = 45_000, 90_000
OK, FAILED = ({"job": "j", "instance": "i", "status": status} for status in ("ok", "error"))
OTHER_TARGET = {"job": "j", "instance": "k", "status": "error"}


def _events(total: list[float | None], bad: list[float | None] | None = None, count: int = 10) -> Quantities:
    bad_series = [] if bad is None else [series(bad, FAILED)]
    return tally(counter_slots([series(total, OK)], bad_series, "bad", slots(count), STALENESS, BRIDGE), "events")


@pytest.mark.parametrize(
    ("case", "total", "events", "unknown_seconds"),
    [
        ("the first value is only the starting point", [100, 101, 103, 103, 104, 104, 104, 104, 104, 110], 10, 0),
        ("a reset counts whole", [10, 20, 5, 6, 6, 6, 6, 6, 6, 6], 10 + 5 + 1, 0),
        ("two resets", [10, 2, 3, 1, 1, 1, 1, 1, 1, 1], 2 + 1 + 1, 0),
        ("a missed scrape loses nothing", [1, None, 5, 6, 6, 6, 6, 6, 6, 6], 5, 0),
        ("a gap is bridged", [1, None, None, None, None, None, 9, 9, 9, 9], 8, 0),
        ("a gap with a reset is unknown", [5, None, None, None, None, None, 2, 2, 2, 2], 2, 3 * 15),
        ("a gap longer than the bridge sets a new starting point", [1] + [None] * 7 + [50, 51], 1, 5 * 15),
        ("NaN is a missed scrape", [1, nan, 5, 6, 6, 6, 6, 6, 6, 6], 5, 0),
        ("nothing before the service began", [None] * 6 + [7, 8, 9, 9], 2, 6 * 15),
        ("nothing after it vanished", [1, 2, 3, 4] + [None] * 6, 3, 4 * 15),
        ("a longer scrape interval", [0, None, None, 3, None, None, 6, None, None, 9], 9, 0),
    ],
)
def test_one_counter(case: str, total: list[float | None], events: float, unknown_seconds: float) -> None:
    result = _events(total)
    assert (result.total, result.bad, result.unknown_seconds) == (events, 0, unknown_seconds), case


def test_an_error_counter_that_appears_beside_its_siblings_began_at_zero() -> None:
    result = _events([10, 20, 30, 40], [None, None, 3, 5], count=4)
    assert (result.good, result.bad) == (25, 5)


def test_one_that_appears_with_its_target_is_only_a_starting_point() -> None:
    ok, failed = series([None, None, 30, 40], OK), series([None, None, 3, 5], FAILED)
    result = tally(counter_slots([ok, failed], [failed], "bad", slots(4), STALENESS, BRIDGE), "events")
    assert (result.good, result.bad) == (10, 2)


def test_a_new_target_is_not_taken_for_a_new_series_of_another() -> None:
    ok, failed = series([10, 20, 30, 40], OK), series([None, None, 300, 305], OTHER_TARGET)
    result = tally(counter_slots([ok, failed], [failed], "bad", slots(4), STALENESS, BRIDGE), "events")
    assert (result.good, result.bad) == (30, 5)


def test_another_instance_keeps_the_time_known() -> None:
    restarted = series([5] + [None] * 5 + [1, 1, 1, 1], OK)
    steady = series(list(range(10)), OTHER_TARGET)
    result = tally(counter_slots([restarted, steady], [], "bad", slots(10), STALENESS, BRIDGE), "events")
    assert (result.total, result.unknown_seconds) == (9 + 1, 0)


def test_unknown_events_are_estimated_at_the_known_rate() -> None:
    # 45 s unknown; 2 events in the 105 s that are known.
    result = _events([5, None, None, None, None, None, 2, 2, 2, 2])
    assert result.unknown == pytest.approx(45 * 2 / 105)
    assert (result.best_sli, result.worst_sli) == (1.0, pytest.approx(2 / (2 + 45 * 2 / 105)))


def test_good_events_that_are_not_counted_anywhere_make_all_unknown() -> None:
    result = tally(counter_slots([series([1, 2, 3])], [], "good", slots(3), STALENESS, BRIDGE), "events")
    assert (result.total, result.coverage, result.sli) == (0, 0, None)


@pytest.mark.parametrize(
    ("case", "total", "part", "part_is", "good", "bad", "unknown_seconds"),
    [
        ("both", [4, 4], [1, 2], "bad", 5, 3, 0),
        ("good", [4, 4], [1, 2], "good", 3, 5, 0),
        ("no total, nothing known", [4, None], [1, 1], "bad", 3, 1, 15),
        ("no errors reported, none happened", [4, 4], [1, None], "bad", 7, 1, 0),
        ("no good ones reported, unknown", [4, 4], [1, None], "good", 1, 3, 15),
        ("NaN is unknown", [nan, 4], [1, 1], "bad", 3, 1, 15),
        ("more bad than there are cannot be", [4, 4], [9, 0], "bad", 4, 4, 0),
    ],
)
def test_two_queries(
    case: str,
    total: list[float | None],
    part: list[float | None],
    part_is: str,
    good: float,
    bad: float,
    unknown_seconds: float,
) -> None:
    judged = query_slots([series(total)], [series(part)], part_is, slots(2))  # type: ignore[arg-type]
    result = tally(judged, "events")
    assert (result.good, result.bad, result.unknown_seconds) == (good, bad, unknown_seconds), case
