"""The course of an objective: points, losses, unknown stretches and worst minutes, computed by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.domain.slo.grid import Grid, Slots
from controlplane.domain.slo.quantities import Unit, exclusion_mask
from controlplane.domain.slo.timeline import MAX_POINTS, Minute, Stretch, Stretches, Timeline, point_width

STEP = 15_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def _slots(good: list[float], bad: list[float], known: list[float] | None = None, start: int = 0) -> Slots:
    count = len(good)
    grid = Grid(start + STEP, count, STEP)
    shares = np.ones(count) if known is None else np.array(known, dtype=float)
    return Slots(grid, np.array(good, dtype=float), np.array(bad, dtype=float), shares, np.zeros(count, dtype=np.bool_))


def _timeline(
    slots: Slots, unit: Unit = "seconds", budget: float = 0.01, excluded: tuple[int, int] = (0, 0)
) -> Timeline:
    end = slots.grid.first_end + (slots.grid.count - 1) * STEP
    timeline = Timeline(0, end, STEP, unit, budget)
    timeline.add(slots, exclusion_mask(slots.grid, [excluded]))
    return timeline


@pytest.mark.parametrize(
    ("length", "width"),
    [(HOUR, MINUTE), (DAY, 15 * MINUTE), (7 * DAY, HOUR), (30 * DAY, 3 * HOUR), (366 * DAY, 2 * DAY)],
)
def test_a_course_has_points_of_a_round_length(length: int, width: int) -> None:
    assert point_width(length, STEP) == width
    assert length / width <= MAX_POINTS


def test_a_point_is_never_shorter_than_a_slot() -> None:
    assert point_width(HOUR, 10 * MINUTE) == 15 * MINUTE


def test_points_hold_the_quantities_of_their_time() -> None:
    # Two minutes: four slots with one bad, then four slots of which one is unknown and one is maintenance.
    slots = _slots([15, 15, 0, 15, 15, 0, 15, 15], [0, 0, 15, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 1, 1])
    first, second = _timeline(slots, excluded=(7 * STEP, 8 * STEP)).course()
    assert (first.start, first.end, second.start, second.end) == (0, MINUTE, MINUTE, 2 * MINUTE)
    assert (first.good, first.bad, first.known_seconds, first.unknown_seconds) == (45, 15, 60, 0)
    assert first.sli == 0.75
    assert (second.good, second.bad, second.known_seconds, second.unknown_seconds) == (30, 0, 30, 15)
    assert (second.excluded_seconds, second.idle_seconds) == (15, 0)


def test_an_outage_is_one_loss_with_its_exact_bounds() -> None:
    bad = [0.0] * 10 + [15.0] * 8 + [0.0] * 10
    timeline = _timeline(_slots([15 - one for one in bad], bad))
    assert timeline.losses.largest() == [Stretch(10 * STEP, 18 * STEP, 120, 120)]
    assert timeline.losses.count == 1
    assert timeline.unknown.count == 0


def test_pauses_up_to_five_minutes_do_not_divide_a_loss() -> None:
    """Twenty slots of pause are five minutes; twenty-one are more."""
    for pause, count in ((20, 1), (21, 2)):
        bad = [15.0, *[0.0] * pause, 15.0]
        losses = _timeline(_slots([15 - one for one in bad], bad)).losses
        assert losses.count == count
        assert sum(one.amount for one in losses.largest()) == 30


def test_maintenance_is_no_loss() -> None:
    timeline = _timeline(_slots([0] * 4, [15] * 4), excluded=(0, 4 * STEP))
    assert (timeline.losses.count, timeline.worst_minutes()) == (0, ())


def test_events_lost_now_and_then_are_no_loss_with_a_place() -> None:
    """Budget 1 %: three of 2,000 in five minutes do not burn it, three of 200 do."""
    assert _timeline(_slots([100] * 20, [0, 3, *[0] * 18]), "events").losses.count == 0
    (loss,) = _timeline(_slots([10] * 20, [0, 3, *[0] * 18]), "events").losses.largest()
    assert (loss.start, loss.end, loss.amount) == (STEP, 2 * STEP, 3)


def test_the_worst_minutes_come_first_and_equal_ones_in_order_of_time() -> None:
    bad = [0, 0, 0, 0, 1, 1, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0]
    assert _timeline(_slots([9] * 16, bad), "events").worst_minutes() == (
        Minute(2 * MINUTE, 5, 41),
        Minute(MINUTE, 2, 38),
        Minute(3 * MINUTE, 2, 38),
    )


def test_a_flapping_service_does_not_fill_the_memory() -> None:
    stretches = Stretches(STEP, 0)
    ends = np.arange(1, 40_001, dtype=np.int64) * STEP
    stretches.add(ends, (ends // STEP) % 8 == 0, np.full(ends.size, 15.0))
    assert stretches.count == 5000
    assert len(stretches.largest()) == 50


@settings(deadline=None)
@given(
    bad=st.lists(st.sampled_from([0.0, 0.0, 15.0]), min_size=1, max_size=200),
    cuts=st.lists(st.integers(1, 199), max_size=3),
)
def test_it_does_not_matter_how_time_is_divided(bad: list[float], cuts: list[int]) -> None:
    whole = _timeline(_slots([15 - one for one in bad], bad))
    pieces = Timeline(0, len(bad) * STEP, STEP, "seconds", 0.01)
    edges = sorted({0, len(bad), *(cut for cut in cuts if cut < len(bad))})
    for first, last in pairwise(edges):
        part = bad[first:last]
        slots = _slots([15 - one for one in part], part, start=first * STEP)
        pieces.add(slots, exclusion_mask(slots.grid, []))
    assert pieces.course() == whole.course()
    assert pieces.losses.largest() == whole.losses.largest()
    assert pieces.losses.count == whole.losses.count
