"""The grid: time cut into slots of one step, and samples placed on it. Times are integer milliseconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Series:
    """Samples of one series in ascending order of time; stale markers are not among them."""

    labels: Mapping[str, str]
    timestamps: Integers
    values: Floats

    def without_nan(self) -> "Series":
        """The series less its NaN samples."""
        keep = ~np.isnan(self.values)
        return self if bool(keep.all()) else Series(self.labels, self.timestamps[keep], self.values[keep])


@dataclass(frozen=True)
class Grid:
    """Slots that end at ``first_end``, ``first_end + step`` …; a slot covers (end - step, end]."""

    first_end: int
    count: int
    step: int

    @classmethod
    def between(cls, start: int, end: int, step: int) -> "Grid":
        """All slots whose end lies in (start, end]; slot ends are multiples of ``step``."""
        first = (start // step + 1) * step
        return cls(first, max(0, (end - first) // step + 1), step)

    @cached_property
    def ends(self) -> Integers:
        """End of every slot."""
        return self.first_end + np.arange(self.count, dtype=np.int64) * self.step

    def widened(self, before: int, after: int) -> "Grid":
        """The grid with slots added for so many milliseconds on either side (rounded up)."""
        head, tail = -(-before // self.step), -(-after // self.step)
        return Grid(self.first_end - head * self.step, self.count + head + tail, self.step)

    def offset_of(self, inner: "Grid") -> int:
        """Index in this grid of the first slot of ``inner``, a part of it."""
        return (inner.first_end - self.first_end) // self.step


@dataclass(frozen=True, eq=False)
class Slots:
    """What is known of every slot: amounts good and bad, and the share of the slot that is known.

    ``idle`` slots were looked at and had nothing to judge.
    """

    grid: Grid
    good: Floats
    bad: Floats
    known: Floats
    idle: Booleans

    def part(self, inner: Grid) -> "Slots":
        """The slots of ``inner``, a part of this grid."""
        first = self.grid.offset_of(inner)
        cut = slice(first, first + inner.count)
        return Slots(
            inner, self.good[cut], self.bad[cut], self.known[cut], self.idle[cut] if self.idle.size else self.idle
        )


def nowhere(grid: Grid) -> Booleans:
    """A mark on no slot of the grid."""
    return np.zeros(grid.count, dtype=np.bool_)


def latest(timestamps: Integers, ends: Integers, hold: int) -> tuple[Integers, Booleans]:
    """For every slot end the index of the latest sample in (end - hold, end], and whether there is one."""
    if not timestamps.size:
        return np.zeros(ends.size, dtype=np.int64), np.zeros(ends.size, dtype=np.bool_)
    index = np.searchsorted(timestamps, ends, side="right") - 1
    clipped = np.maximum(index, 0)
    found: Booleans = (index >= 0) & (timestamps[clipped] > ends - hold)
    return clipped.astype(np.int64, copy=False), found
