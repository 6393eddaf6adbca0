"""Event-based indicators: counters, histogram thresholds, and ratios of two queries."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from controlplane.domain.slo.counter import evidence, increments
from controlplane.domain.slo.grid import Booleans, Floats, Grid, Series, Slots, latest, nowhere

Part = Literal["good", "bad"]


def counter_slots(
    total: Sequence[Series], part: Sequence[Series], part_is: Part, grid: Grid, staleness: int, bridge: int
) -> Slots:
    """Slots of a total counter and of the one that counts its good or bad events.

    A counter of bad events may be missing: there were none yet. A missing counter
    of good events (such as a bucket bound that does not exist) makes all unknown.
    """
    if part_is == "good" and not part:
        return Slots(grid, np.zeros(grid.count), np.zeros(grid.count), np.zeros(grid.count), nowhere(grid))
    seen = evidence(total, grid, staleness, bridge)
    events = increments(total, grid, bridge, seen.targets)
    counted = np.minimum(increments(part, grid, bridge, seen.targets), events)
    good, bad = _split(events, counted, part_is)
    return Slots(grid, good, bad, seen.known.astype(np.float64), nowhere(grid))


def query_slots(total: Sequence[Series], part: Sequence[Series], part_is: Part, grid: Grid) -> Slots:
    """Slots of two queries evaluated at the slot ends; at most one series each.

    A slot without a total is unknown. Without the other value it is unknown too
    if that counts good events, and has no bad ones if that counts bad events.
    """
    events, known = _at_ends(total, grid)
    counted, found = _at_ends(part, grid)
    if part_is == "good":
        known = known & found
    events = np.where(known, np.maximum(events, 0.0), 0.0)
    counted = np.clip(np.where(known & found, counted, 0.0), 0.0, events)
    good, bad = _split(events, counted, part_is)
    return Slots(grid, good, bad, known.astype(np.float64), nowhere(grid))


def _split(events: Floats, counted: Floats, part_is: Part) -> tuple[Floats, Floats]:
    rest = events - counted
    return (counted, rest) if part_is == "good" else (rest, counted)


def _at_ends(series: Sequence[Series], grid: Grid) -> tuple[Floats, Booleans]:
    if not series:
        return np.zeros(grid.count), nowhere(grid)
    (one,) = series
    clean = one.without_nan()
    index, found = latest(clean.timestamps, grid.ends, grid.step)
    values = clean.values[index] if clean.values.size else np.zeros(grid.count)
    return np.where(found, values, 0.0), found & np.isfinite(values)
