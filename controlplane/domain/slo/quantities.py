"""Good, bad, unknown and excluded: four quantities that are never mixed, and add up over any division of time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from controlplane.domain.slo.grid import Booleans, Grid, Slots, nowhere

Unit = Literal["seconds", "events"]
Interval = tuple[int, int]


@dataclass(frozen=True)
class Quantities:
    """Sums over a stretch of time. ``good`` and ``bad`` are in ``unit``; everything named seconds is time.

    ``excluded_amount`` is what happened (in ``unit``) while it did not count.
    ``idle_seconds`` is the part of ``excluded_seconds`` during which there was nothing to judge.
    """

    unit: Unit
    good: float = 0.0
    bad: float = 0.0
    known_seconds: float = 0.0
    unknown_seconds: float = 0.0
    excluded_seconds: float = 0.0
    excluded_amount: float = 0.0
    idle_seconds: float = 0.0

    def __add__(self, other: "Quantities") -> "Quantities":
        if self.unit != other.unit:
            raise ValueError(f"cannot add {other.unit} to {self.unit}")
        return Quantities(
            self.unit,
            self.good + other.good,
            self.bad + other.bad,
            self.known_seconds + other.known_seconds,
            self.unknown_seconds + other.unknown_seconds,
            self.excluded_seconds + other.excluded_seconds,
            self.excluded_amount + other.excluded_amount,
            self.idle_seconds + other.idle_seconds,
        )

    @property
    def total(self) -> float:
        """Good and bad together."""
        return self.good + self.bad

    @property
    def unknown(self) -> float:
        """The unknown part in ``unit``. Unknown events are an estimate: unknown time at the mean known rate."""
        if self.unit == "seconds":
            return self.unknown_seconds
        return self.unknown_seconds * self.total / self.known_seconds if self.known_seconds else 0.0

    @property
    def excluded(self) -> float:
        """The excluded part in ``unit``."""
        return self.excluded_seconds if self.unit == "seconds" else self.excluded_amount

    @property
    def coverage(self) -> float:
        """Known share of the time that counts; 0 when no time counts."""
        eligible = self.known_seconds + self.unknown_seconds
        return self.known_seconds / eligible if eligible else 0.0

    @property
    def sli(self) -> float | None:
        """Good share of what is known; None when nothing is."""
        return self.good / self.total if self.total else None

    @property
    def best_sli(self) -> float | None:
        """The SLI if everything unknown was good."""
        everything = self.total + self.unknown
        return (self.good + self.unknown) / everything if everything else None

    @property
    def worst_sli(self) -> float | None:
        """The SLI if everything unknown was bad."""
        everything = self.total + self.unknown
        return self.good / everything if everything else None


def total(unit: Unit, parts: Iterable[Quantities]) -> Quantities:
    """Sum of parts that do not overlap."""
    return sum(parts, Quantities(unit))


def tally(slots: Slots, unit: Unit, excluded: Booleans | None = None) -> Quantities:
    """Sum up slots. ``excluded`` marks the slots that do not count, such as maintenance."""
    step = slots.grid.step / 1000
    outside = nowhere(slots.grid) if excluded is None else excluded
    counts = ~outside & ~slots.idle
    known = float(slots.known[counts].sum()) * step
    return Quantities(
        unit,
        good=float(slots.good[counts].sum()),
        bad=float(slots.bad[counts].sum()),
        known_seconds=known,
        unknown_seconds=int(counts.sum()) * step - known,
        excluded_seconds=int((~counts).sum()) * step,
        excluded_amount=float((slots.good + slots.bad)[outside].sum()),
        idle_seconds=int((slots.idle & ~outside).sum()) * step,
    )


def exclusion_mask(grid: Grid, intervals: Sequence[Interval]) -> Booleans:
    """Slots whose end lies in one of the intervals (start, end] in milliseconds; they may overlap."""
    mask = nowhere(grid)
    for start, end in intervals:
        first, last = np.searchsorted(grid.ends, (start, end), side="right")
        mask[first:last] = True
    return mask
