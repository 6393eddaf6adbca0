"""Counters on the grid: how much each slot added, across resets, gaps, and series that come and go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from controlplane.domain.slo.grid import Booleans, Floats, Grid, Series, latest

Target = tuple[str, str]
_NO_TARGETS: Mapping[Target, Booleans] = {}


@dataclass(frozen=True, eq=False)
class Evidence:
    """Where a group of counters was looked at.

    ``fresh``: slots for which some series has a recent sample. ``known``: those,
    and gaps that the counters bridge. ``targets``: freshness of each scrape target
    at the *beginning* of every slot, to tell a new series from a new target.
    """

    fresh: Booleans
    known: Booleans
    targets: Mapping[Target, Booleans]


@dataclass(frozen=True, eq=False)
class _OnGrid:
    """One series on the grid with one slot before it: its value, whether it has one, and whether that is recent."""

    target: Target
    values: Floats
    found: Booleans
    fresh: Booleans


def increments(
    series: Sequence[Series], grid: Grid, bridge: int, targets: Mapping[Target, Booleans] = _NO_TARGETS
) -> Floats:
    """What all series together added in every slot.

    A value below the one before is a reset and counts whole. A series that
    appears while its target was already being scraped began at zero and counts
    whole; one that appears with its target only sets the starting point.
    """
    total = np.zeros(grid.count)
    for one in series:
        total += _series_increments(_place(one, grid, bridge, bridge), targets)
    return total


def _series_increments(placed: _OnGrid, targets: Mapping[Target, Booleans]) -> Floats:
    now, before = placed.values[1:], placed.values[:-1]
    step = now - before
    step = np.where(step < 0, now, step)
    both = placed.found[1:] & placed.found[:-1]
    added = np.where(both, step, 0.0)
    target_seen = targets.get(placed.target)
    if target_seen is not None:
        appeared = placed.found[1:] & ~placed.found[:-1] & target_seen
        added = np.where(appeared, now, added)
    return added


def evidence(series: Sequence[Series], grid: Grid, staleness: int, bridge: int) -> Evidence:
    """Where the counters of ``series`` were looked at."""
    by_target: dict[Target, Booleans] = {}
    reset = np.zeros(grid.count, dtype=np.bool_)
    arrived = np.zeros(grid.count, dtype=np.bool_)
    for one in series:
        placed = _place(one, grid, staleness, bridge)
        known = by_target.get(placed.target)
        by_target[placed.target] = placed.fresh if known is None else known | placed.fresh
        both = placed.found[1:] & placed.found[:-1]
        reset |= both & (placed.values[1:] < placed.values[:-1])
        arrived |= both
    fresh = np.zeros(grid.count, dtype=np.bool_)
    for found in by_target.values():
        fresh |= found[1:]
    seen_before = {target: found[:-1] for target, found in by_target.items()}
    return Evidence(fresh, fresh | _bridged(fresh, arrived & ~reset), seen_before)


def _bridged(fresh: Booleans, continues: Booleans) -> Booleans:
    """Gaps with evidence on both sides that end in a slot where the counters simply went on."""
    edges = np.diff(np.concatenate(([True], fresh, [True])).astype(np.int8))
    starts, stops = np.flatnonzero(edges == -1), np.flatnonzero(edges == 1)
    bridged = np.zeros(fresh.size, dtype=np.bool_)
    for start, stop in zip(starts, stops, strict=True):
        if start > 0 and stop < fresh.size and continues[stop]:
            bridged[start:stop] = True
    return bridged


def _place(series: Series, grid: Grid, staleness: int, bridge: int) -> _OnGrid:
    clean = series.without_nan()
    ends = grid.widened(grid.step, 0).ends
    index, held = latest(clean.timestamps, ends, max(staleness, bridge))
    if not clean.values.size:
        return _OnGrid(_target(series), np.zeros(ends.size), held, held)
    age = ends - clean.timestamps[index]
    found = held & (age < bridge)
    return _OnGrid(_target(series), np.where(found, clean.values[index], 0.0), found, held & (age < staleness))


def _target(series: Series) -> Target:
    return series.labels.get("job", ""), series.labels.get("instance", "")
