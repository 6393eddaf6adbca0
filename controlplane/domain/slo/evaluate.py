"""From fetched samples to slots: what an indicator needs, and what it makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controlplane.domain.slo.events import counter_slots, query_slots
from controlplane.domain.slo.gauge import freshness_slots, gauge_slots
from controlplane.domain.slo.grid import Grid, Series, Slots
from controlplane.domain.slo.histogram import quantile_slots
from controlplane.domain.slo.objective import (
    CounterIndicator,
    FreshnessIndicator,
    GaugeIndicator,
    Indicator,
    LatencyIndicator,
    Objective,
    QuantileIndicator,
)
from controlplane.domain.slo.replicas import merge_replicas


@dataclass(frozen=True, order=True)
class Source:
    """Something to fetch: the raw samples of a selector, or with ``step`` (ms) the values of a query at every step."""

    expression: str
    step: int | None = None


def sources(objective: Objective) -> tuple[Source, ...]:
    """What has to be fetched for an objective, in the order that ``slots_of`` takes it."""
    indicator = objective.indicator
    match indicator:
        case GaugeIndicator():
            return (Source(str(indicator.gauge)),)
        case FreshnessIndicator():
            return (Source(str(indicator.timestamp)),)
        case CounterIndicator():
            return (Source(str(indicator.total)), Source(str(indicator.part)))
        case LatencyIndicator():
            return (Source(str(indicator.total)), Source(str(indicator.good)))
        case QuantileIndicator():
            return (Source(str(indicator.buckets)),)
    step = _milliseconds(objective.sampling.step_seconds)
    window = f"{step}ms"
    return tuple(Source(query.replace("$window", window), step) for query in (indicator.total, indicator.part))


def margin(objective: Objective) -> int:
    """Milliseconds of samples needed on either side of a stretch to judge it."""
    sampling = objective.sampling
    slice_seconds = getattr(objective.indicator, "slice_seconds", 0.0)
    if isinstance(objective.indicator, CounterIndicator | LatencyIndicator | QuantileIndicator):
        return _milliseconds(max(sampling.bridge_seconds, slice_seconds) + sampling.staleness_seconds)
    return _milliseconds(sampling.staleness_seconds)


def slots_of(objective: Objective, fetched: Mapping[Source, Sequence[Series]], grid: Grid) -> Slots:
    """Slots of ``grid``. ``fetched`` reaches ``margin`` beyond it on both sides, as far as there is data."""
    staleness = _milliseconds(objective.sampling.staleness_seconds)
    labels = objective.sampling.replica_labels
    series = [merge_replicas(fetched[source], labels, staleness) for source in sources(objective)]
    reach = margin(objective)
    wide = grid.widened(reach, reach)
    return _wide_slots(objective, objective.indicator, series, wide).part(grid)


def _wide_slots(objective: Objective, indicator: Indicator, series: list[list[Series]], grid: Grid) -> Slots:
    staleness = _milliseconds(objective.sampling.staleness_seconds)
    bridge = _milliseconds(objective.sampling.bridge_seconds)
    match indicator:
        case GaugeIndicator():
            return gauge_slots(indicator, series[0], grid, staleness)
        case FreshnessIndicator():
            return freshness_slots(indicator, series[0], grid, staleness)
        case CounterIndicator():
            return counter_slots(series[0], series[1], indicator.part_is, grid, staleness, bridge)
        case LatencyIndicator():
            return counter_slots(series[0], series[1], "good", grid, staleness, bridge)
        case QuantileIndicator():
            return quantile_slots(indicator, series[0], grid, staleness, bridge)
    return query_slots(series[0], series[1], indicator.part_is, grid)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
