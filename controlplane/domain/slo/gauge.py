"""Time-based indicators: every slot is good, bad or unknown by what a gauge says at its end."""

from collections.abc import Callable, Sequence

import numpy as np

from controlplane.domain.slo.grid import Booleans, Floats, Grid, Series, Slots, latest, nowhere
from controlplane.domain.slo.objective import Comparison, FreshnessIndicator, GaugeIndicator

_COMPARISONS: dict[Comparison, Callable[[Floats, float], Booleans]] = {
    "gte": lambda values, limit: values >= limit,
    "gt": lambda values, limit: values > limit,
    "lte": lambda values, limit: values <= limit,
    "lt": lambda values, limit: values < limit,
    "eq": lambda values, limit: values == limit,
    "ne": lambda values, limit: values != limit,
}


def gauge_slots(indicator: GaugeIndicator, series: Sequence[Series], grid: Grid, staleness: int) -> Slots:
    """Slots of a gauge. A NaN sample is unknown until the next sample; it does not revive the one before."""
    present, good = np.zeros(grid.count), np.zeros(grid.count)
    for one in series:
        index, found = latest(one.timestamps, grid.ends, staleness)
        if not one.values.size:
            continue
        values = one.values[index]
        found = found & ~np.isnan(values)
        present += found
        good += found & _COMPARISONS[indicator.comparison](values, indicator.value)
    good_share, bad_share = _shares(indicator, present, good)
    step = grid.step / 1000
    return Slots(grid, good_share * step, bad_share * step, good_share + bad_share, nowhere(grid))


def _shares(indicator: GaugeIndicator, present: Floats, good: Floats) -> tuple[Floats, Floats]:
    """Good and bad share of every slot; what is left of 1 is unknown."""
    expected = np.maximum(present, indicator.expected_instances or 0)
    bad = present - good
    some, complete = present > 0, (present > 0) & (present == expected)
    if indicator.instances == "all":
        is_bad = bad > 0
        return (complete & ~is_bad).astype(np.float64), is_bad.astype(np.float64)
    if indicator.instances == "any":
        is_good = good > 0
        return is_good.astype(np.float64), (complete & ~is_good).astype(np.float64)
    divisor = np.where(some, expected, 1.0)
    return good / divisor, bad / divisor


def freshness_slots(indicator: FreshnessIndicator, series: Sequence[Series], grid: Grid, staleness: int) -> Slots:
    """Slots of a timestamp gauge: good while the newest timestamp of any series is young enough."""
    newest = np.full(grid.count, -np.inf)
    for one in series:
        index, found = latest(one.timestamps, grid.ends, staleness)
        if one.values.size:
            values = np.where(found, one.values[index], np.nan)
            newest = np.fmax(newest, values)
    known = newest > -np.inf
    fresh = known & (grid.ends / 1000 - newest <= indicator.max_age_seconds)
    step = grid.step / 1000
    return Slots(grid, fresh * step, (known & ~fresh) * step, known.astype(np.float64), nowhere(grid))
