"""What happened when: an objective's slots, summed up day by day into a course, losses, unknown stretches, minutes.

Memory stays small however long the period is: slots are forgotten once they
are counted. Times are milliseconds since 1970.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from controlplane.domain.slo.grid import Booleans, Floats, Integers, Slots
from controlplane.domain.slo.quantities import Quantities, Unit

MINUTE_MS = 60_000
# Losses that are less than this apart are one: a service that staggers is one story, not fifty.
MERGE_MS = 300_000
KEPT_STRETCHES = 50
WORST_MINUTES = 10
_COLUMNS = ("good", "bad", "known", "unknown", "excluded", "idle")
MAX_POINTS = 250
_WIDTHS_MS = tuple(minutes * MINUTE_MS for minutes in (1, 5, 15, 30, 60, 180, 360, 720, 1440, 2880, 5760, 10_080))


@dataclass(frozen=True)
class Stretch:
    """A stretch (start, end]. ``amount`` is what was bad in it (or unknown, in seconds) during ``seconds`` of it."""

    start: int
    end: int
    amount: float
    seconds: float


@dataclass(frozen=True)
class Minute:
    """One minute (or one slot, where slots are longer) that begins at ``start``: what was bad of how much."""

    start: int
    bad: float
    total: float


@dataclass(frozen=True)
class Point:
    """One stretch (start, end] of the course: the quantities in the objective's unit, and times in seconds.

    ``idle_seconds`` is the part of ``excluded_seconds`` during which there was nothing to judge.
    """

    start: int
    end: int
    good: float
    bad: float
    known_seconds: float
    unknown_seconds: float
    excluded_seconds: float
    idle_seconds: float

    @property
    def sli(self) -> float | None:
        """Good share of what is known; None when nothing is."""
        total = self.good + self.bad
        return self.good / total if total else None


def point_width(length: int, step: int) -> int:
    """Milliseconds of one point, so that a course has at most MAX_POINTS."""
    for width in _WIDTHS_MS:
        if width >= step and length <= width * MAX_POINTS:
            return width
    return max(-(-length // MAX_POINTS), step)


class Stretches:
    """Marked slots joined into stretches. Keeps those with the largest amounts, and counts all."""

    def __init__(self, step: int, merge: int) -> None:
        self._step = step
        self._merge = max(merge, 3 * step)
        self._open: Stretch | None = None
        self._closed: list[Stretch] = []
        self._count = 0

    def add(self, ends: Integers, marked: Booleans, amounts: Floats) -> None:
        """Slots that end at ``ends``, later than all before."""
        index = np.flatnonzero(marked)
        if not index.size:
            return
        moments = ends[index]
        first = np.flatnonzero(
            np.diff(moments, prepend=moments[0] - self._merge - 2 * self._step) - self._step > self._merge
        )
        last = np.append(first[1:] - 1, index.size - 1)
        sums = np.add.reduceat(amounts[index], first)
        for begin, finish, amount in zip(first.tolist(), last.tolist(), sums.tolist(), strict=True):
            seconds = (finish - begin + 1) * self._step / 1000
            self._join(Stretch(int(moments[begin]) - self._step, int(moments[finish]), amount, seconds))

    def add_whole(self, stretch: Stretch) -> None:
        """A stretch of which no slots are left, later than all before. It joins no other."""
        self._close()
        self._open = stretch
        self._close()

    def _join(self, new: Stretch) -> None:
        known = self._open
        if known is not None and new.start - known.end <= self._merge:
            self._open = Stretch(known.start, new.end, known.amount + new.amount, known.seconds + new.seconds)
            return
        self._close()
        self._open = new

    def _close(self) -> None:
        if self._open is None:
            return
        self._count += 1
        self._closed.append(self._open)
        self._open = None
        if len(self._closed) > 4 * KEPT_STRETCHES:
            self._closed = _largest(self._closed)

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count + (self._open is not None)

    def largest(self) -> list[Stretch]:
        """Those with the largest amounts, in order of time."""
        everything = [*self._closed, self._open] if self._open is not None else self._closed
        return sorted(_largest(everything), key=attrgetter("start"))


def _largest(stretches: Sequence[Stretch]) -> list[Stretch]:
    return sorted(stretches, key=lambda one: (-one.amount, one.start))[:KEPT_STRETCHES]


class Timeline:
    """The course of one objective over (start, end]."""

    def __init__(self, start: int, end: int, step: int, unit: Unit, error_budget: float) -> None:
        self._start, self._end, self._step = start, end, step
        self._unit, self._error_budget = unit, error_budget
        self._width = point_width(end - start, step)
        count = max(0, -(-(end - start) // self._width))
        self._sums = {name: np.zeros(count) for name in _COLUMNS}
        self._minutes: list[Minute] = []
        self.losses = Stretches(step, MERGE_MS)
        self.unknown = Stretches(step, 0)

    def add(self, slots: Slots, excluded: Booleans) -> None:
        """Slots within the period, later than all before, and which of them do not count."""
        grid = slots.grid
        counts = ~excluded & ~slots.idle
        seconds = grid.step / 1000
        good, bad = np.where(counts, slots.good, 0.0), np.where(counts, slots.bad, 0.0)
        known = np.where(counts, slots.known, 0.0) * seconds
        unknown = np.where(counts, seconds - known, 0.0)
        idle = slots.idle & ~excluded
        columns = dict(zip(_COLUMNS, (good, bad, known, unknown, ~counts * seconds, idle * seconds), strict=True))
        first, last = ((int(end) - 1 - self._start) // self._width for end in (grid.ends[0], grid.ends[-1]))
        # No point is empty, since none is shorter than a slot.
        begins = np.searchsorted(grid.ends, self._start + self._width * np.arange(first, last + 1), side="right")
        for name, column in columns.items():
            self._sums[name][first : last + 1] += np.add.reduceat(column, begins)
        self.losses.add(grid.ends, self._is_loss(grid.ends, good, bad), bad)
        self.unknown.add(grid.ends, unknown > 0, unknown)
        self._add_minutes(grid.ends, bad, good + bad)

    def add_day(self, start: int, end: int, quantities: Quantities) -> None:
        """A day (start, end] of which only the sums are left, later than all before."""
        sums = (
            quantities.good,
            quantities.bad,
            quantities.known_seconds,
            quantities.unknown_seconds,
            quantities.excluded_seconds,
            quantities.idle_seconds,
        )
        # Spread evenly over the points of the day: a point may be shorter than a day, or longer.
        first, last = (start - self._start) // self._width, (end - 1 - self._start) // self._width
        for name, amount in zip(_COLUMNS, sums, strict=True):
            if amount:
                self._sums[name][first : last + 1] += amount / (last + 1 - first)
        if quantities.bad:
            self.losses.add_whole(Stretch(start, end, quantities.bad, (end - start) / 1000))
        if quantities.unknown_seconds:
            self.unknown.add_whole(Stretch(start, end, quantities.unknown_seconds, (end - start) / 1000))

    def _is_loss(self, ends: Integers, good: Floats, bad: Floats) -> Booleans:
        """Slots that lost something. Of events only within blocks that burned the budget faster than it lasts:

        one failure now and then is no story with a beginning and an end.
        """
        lost: Booleans = bad > 0
        if self._unit == "seconds" or not lost.any():
            return lost
        block = (ends - 1) // MERGE_MS
        block -= block[0]
        bads, totals = np.bincount(block, weights=bad), np.bincount(block, weights=good + bad)
        return lost & (bads > self._error_budget * totals)[block]

    def _add_minutes(self, ends: Integers, bad: Floats, total: Floats) -> None:
        if not bad.any():
            return
        width = max(MINUTE_MS, self._step)
        number = (ends - 1) // width
        offset = number - number[0]
        bads, totals = np.bincount(offset, weights=bad), np.bincount(offset, weights=total)
        worst = np.argsort(-bads, kind="stable")[:WORST_MINUTES]
        found = [
            Minute(int(number[0] + one) * width, float(bads[one]), float(totals[one])) for one in worst if bads[one] > 0
        ]
        both = [*self._minutes, *found]
        self._minutes = sorted(both, key=lambda one: (-one.bad, one.start))[:WORST_MINUTES]

    def worst_minutes(self) -> tuple[Minute, ...]:
        """The minutes in which most was bad, the worst first; fewer when fewer had any."""
        return tuple(self._minutes)

    def course(self) -> tuple[Point, ...]:
        """Points in order of time; the last one may be shorter."""
        starts = range(self._start, self._end, self._width)
        columns = [self._sums[name].tolist() for name in _COLUMNS]
        return tuple(
            Point(start, min(start + self._width, self._end), *values)
            for start, *values in zip(starts, *columns, strict=True)
        )
