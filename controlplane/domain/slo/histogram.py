"""Quantiles of classic histograms, slice by slice, as PromQL's histogram_quantile computes them."""

from collections.abc import Mapping, Sequence

import numpy as np

from controlplane.domain.slo.counter import evidence, increments
from controlplane.domain.slo.grid import Booleans, Floats, Grid, Integers, Series, Slots
from controlplane.domain.slo.objective import QuantileIndicator


def quantile_slots(
    indicator: QuantileIndicator, series: Sequence[Series], grid: Grid, staleness: int, bridge: int
) -> Slots:
    """Slots judged slice by slice: every slot of a slice gets the verdict of the slice.

    A slice without events is idle. Slots nobody looked at are unknown.
    """
    seen = evidence(series, grid, staleness, bridge)
    counts = bucket_counts(series, grid, bridge, seen.targets)
    slice_of = _slice_of(grid, round(indicator.slice_seconds * 1000))
    slices = int(slice_of[-1]) + 1 if grid.count else 0
    summed = {bound: _sum_slices(added, slice_of, slices) for bound, added in counts.items()}
    values = quantile(indicator.quantile, summed, slices)
    judged = ~np.isnan(values)[slice_of] if grid.count else np.zeros(0, dtype=np.bool_)
    fast = judged & (values <= indicator.threshold_seconds)[slice_of]
    step = np.float64(grid.step / 1000)
    good: Floats = (seen.known & fast) * step
    bad: Floats = (seen.known & judged & ~fast) * step
    return Slots(grid, good, bad, seen.known.astype(np.float64), seen.known & ~judged)


def _sum_slices(added: Floats, slice_of: Integers, slices: int) -> Floats:
    return np.bincount(slice_of, weights=added, minlength=slices).astype(np.float64, copy=False)


def _slice_of(grid: Grid, width: int) -> Integers:
    """Number of the slice each slot belongs to; slices end at multiples of ``width`` (ms)."""
    number = (grid.ends - 1) // width
    return number - number[0] if grid.count else number


def bucket_counts(
    series: Sequence[Series], grid: Grid, bridge: int, targets: Mapping[tuple[str, str], Booleans]
) -> dict[float, Floats]:
    """Events that each bucket (by its upper bound) gained in every slot, over all series."""
    by_bound: dict[float, list[Series]] = {}
    for one in series:
        by_bound.setdefault(float(one.labels.get("le", "nan")), []).append(one)
    return {
        bound: increments(members, grid, bridge, targets)
        for bound, members in sorted(by_bound.items())
        if not np.isnan(bound)
    }


def quantile(wanted: float, counts: Mapping[float, Floats], size: int) -> Floats:
    """The quantile for each column of cumulative ``counts`` by bound; NaN where nothing was counted.

    Linear inside a bucket; above the highest finite bound the answer is that bound.
    """
    bounds = np.array(sorted(counts))
    if bounds.size < 2 or not np.isposinf(bounds[-1]):
        return np.full(size, np.nan)
    table = np.maximum.accumulate(np.vstack([counts[bound] for bound in bounds]), axis=0)
    total = table[-1]
    rank = wanted * total
    bucket = np.minimum((table < rank).sum(axis=0), bounds.size - 1)
    columns = np.arange(size)
    upper = bounds[np.minimum(bucket, bounds.size - 2)]
    lower = np.where(bucket > 0, bounds[np.maximum(bucket - 1, 0)], 0.0)
    below = np.where(bucket > 0, table[np.maximum(bucket - 1, 0), columns], 0.0)
    inside = table[bucket, columns] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        interpolated = lower + (upper - lower) * (rank - below) / inside
    value = np.where((bucket == bounds.size - 1) | ((bucket == 0) & (upper <= 0)), upper, interpolated)
    return np.where(total > 0, value, np.nan)
