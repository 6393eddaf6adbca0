"""Daily roll-ups: what was good, bad, unknown and excluded of an objective in one day of UTC."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from controlplane.domain.slo.grid import Grid, Slots
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.quantities import Interval, Quantities, exclusion_mask, tally

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class DayQuantities:
    """One objective's day (start, end].

    ``definition`` says what was measured and how; days of another definition are days of another objective.
    ``observed_seconds`` is the time that samples told something about, excluded time included: Prometheus has forgotten
    a day of which it now tells less. ``exclusions`` is the maintenance that was taken out.
    """

    objective: str
    definition: str
    day: date
    quantities: Quantities
    observed_seconds: float
    exclusions: str
    computed_at: datetime

    @property
    def start(self) -> int:
        """Where the day begins, in milliseconds since 1970."""
        return (self.day - _EPOCH).days * DAY_MS


def day_of(milliseconds: int) -> date:
    """The day of UTC that begins at, or contains, a moment."""
    return _EPOCH + timedelta(days=milliseconds // DAY_MS)


def definition_of(objective: Objective) -> str:
    """A short digest of everything that the quantities of a day depend on, and of nothing else.

    The target and the window are not among it: they judge the quantities, and may change.
    """
    parts = [type(objective.indicator).__name__, asdict(objective.indicator), asdict(objective.sampling)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def exclusions_text(excluded: Sequence[Interval], start: int, end: int) -> str:
    """The excluded parts of (start, end], merged, so that equal exclusions have equal texts."""
    parts: list[tuple[int, int]] = []
    for first, last in sorted((max(first, start), min(last, end)) for first, last in excluded):
        if first >= last:
            continue
        if parts and first <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(parts[-1][1], last))
        else:
            parts.append((first, last))
    return " ".join(f"{first}-{last}" for first, last in parts)


def roll_up(objective: Objective, slots: Slots, excluded: Sequence[Interval], computed_at: datetime) -> DayQuantities:
    """The roll-up of a whole day of slots."""
    start = (int(slots.grid.ends[0]) - 1) // DAY_MS * DAY_MS
    return DayQuantities(
        objective.name,
        definition_of(objective),
        day_of(start),
        tally(slots, objective.unit, exclusion_mask(slots.grid, excluded)),
        observed_seconds(slots),
        exclusions_text(excluded, start, start + DAY_MS),
        computed_at.astimezone(UTC),
    )


def observed_seconds(slots: Slots) -> float:
    """Time that samples told something about: known, or with nothing to judge."""
    return float(np.where(slots.idle, 1.0, slots.known).sum()) * slots.grid.step / 1000


def unobserved(objective: Objective, grid: Grid, excluded: Sequence[Interval]) -> Quantities:
    """The quantities of a stretch that nobody remembers anything of."""
    step = grid.step / 1000
    outside = int(exclusion_mask(grid, excluded).sum())
    return Quantities(objective.unit, unknown_seconds=(grid.count - outside) * step, excluded_seconds=outside * step)
