"""The same definitions as PromQL: what counts as bad, and as everything, over a window."""

from collections.abc import Callable
from dataclasses import dataclass

from controlplane.domain.slo.objective import (
    Comparison,
    CounterIndicator,
    FreshnessIndicator,
    GaugeIndicator,
    LatencyIndicator,
    Objective,
    QuantileIndicator,
    QueryIndicator,
)
from controlplane.domain.slo.selector import Selector

_OPERATORS: dict[Comparison, str] = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<", "eq": "==", "ne": "!="}
_OPPOSITES: dict[Comparison, Comparison] = {
    "gte": "lt", "gt": "lte", "lte": "gt", "lt": "gte", "eq": "ne", "ne": "eq",
}  # fmt: skip
_UNITS = ((604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True)
class ErrorExpressions:
    """PromQL of an objective. ``bad`` and ``total`` take a window such as ``5m``.

    For objectives of time both describe this very moment and ignore the window.
    ``events`` is how many events there were within a window. ``present`` is
    something that has samples as long as there is data.
    """

    bad: Callable[[str], str]
    total: Callable[[str], str]
    events: Callable[[str], str]
    present: str


def prometheus_duration(seconds: float) -> str:
    """Seconds in the largest unit that divides them, as Prometheus writes durations (7 days are ``1w``)."""
    milliseconds = round(seconds * 1000)
    for unit_seconds, unit in _UNITS:
        if milliseconds % (unit_seconds * 1000) == 0:
            return f"{milliseconds // (unit_seconds * 1000)}{unit}"
    return f"{milliseconds}ms"


def number(value: float) -> str:
    """A number without the noise of binary fractions."""
    return f"{value:.12g}"


def error_expressions(objective: Objective) -> ErrorExpressions:
    """PromQL of what is bad and what there is in total. Series without numbers (NaN) take no part."""
    indicator = objective.indicator
    staleness = prometheus_duration(objective.sampling.staleness_seconds)
    match indicator:
        case GaugeIndicator():
            return _gauge(indicator, staleness)
        case FreshnessIndicator():
            return _freshness(indicator, staleness)
        case CounterIndicator():
            return _counters(indicator.total, indicator.part, indicator.part_is)
        case LatencyIndicator():
            return _counters(indicator.total, indicator.good, "good")
        case QuantileIndicator():
            return _quantile(indicator)
    return _queries(indicator, prometheus_duration(objective.sampling.step_seconds))


def slot_expressions(objective: Objective) -> ErrorExpressions:
    """What one slot adds, exactly as the mathematics here computes it: evaluated at every step, the sums agree.

    For people who want to check a report, and for the test that does. Alerts use
    ``error_expressions``, which PromQL evaluates at less cost.
    """
    indicator = objective.indicator
    match indicator:
        case CounterIndicator():
            total, part, part_is = indicator.total, indicator.part, indicator.part_is
        case LatencyIndicator():
            total, part, part_is = indicator.total, indicator.good, "good"
        case _:
            return error_expressions(objective)
    events, counted = (_increments(selector, total, objective) for selector in (total, part))
    bad = f"{events} - {counted}" if part_is == "good" else f"{counted} or 0 * {events}"
    return ErrorExpressions(lambda _: bad, lambda _: events, lambda _: events, str(total))


def _increments(selector: Selector, total: Selector, objective: Objective) -> str:
    sampling = objective.sampling
    bridge, step = prometheus_duration(sampling.bridge_seconds), prometheus_duration(sampling.step_seconds)
    now, before = f"last_over_time({selector}[{bridge}])", f"last_over_time({selector}[{bridge}] offset {step})"
    siblings = f"last_over_time({total}[{prometheus_duration(sampling.staleness_seconds)}] offset {step})"
    return (
        f"sum((({now} - {before}) >= 0) or ({now} and {before})"
        f" or (({now} unless {before}) and on (job, instance) {siblings}))"
    )


def _gauge(indicator: GaugeIndicator, staleness: str) -> ErrorExpressions:
    values = f"(last_over_time({indicator.gauge}[{staleness}]) >= -Inf)"
    is_bad = f"({values} {_OPERATORS[_OPPOSITES[indicator.comparison]]} bool {number(indicator.value)})"
    present, complete = f"count({values})", f"(count({values}) > bool 0)"
    share = present
    if indicator.expected_instances:
        expected = number(indicator.expected_instances)
        complete, share = f"(count({values}) >= bool {expected})", f"clamp_min({present}, {expected})"
    if indicator.instances == "mean":
        return _now(f"sum{is_bad} / {share}", f"{present} / {share}", str(indicator.gauge))
    if indicator.instances == "all":
        return _now(f"max{is_bad}", f"clamp_max({complete} + max{is_bad}, 1)", str(indicator.gauge))
    return _now(f"min{is_bad} * {complete}", f"clamp_max({complete} + 1 - min{is_bad}, 1)", str(indicator.gauge))


def _freshness(indicator: FreshnessIndicator, staleness: str) -> ErrorExpressions:
    newest = f"max(last_over_time({indicator.timestamp}[{staleness}]) >= -Inf)"
    is_old = f"(time() - {newest}) > bool {number(indicator.max_age_seconds)}"
    return _now(is_old, f"{newest} >= bool -Inf", str(indicator.timestamp))


def _quantile(indicator: QuantileIndicator) -> ErrorExpressions:
    width = prometheus_duration(indicator.slice_seconds)
    buckets = f"sum by (le) (rate({indicator.buckets}[{width}]))"
    measured = f"(histogram_quantile({number(indicator.quantile)}, {buckets}) >= -Inf)"
    return _now(
        f"{measured} > bool {number(indicator.threshold_seconds)}", f"{measured} >= bool -Inf", str(indicator.buckets)
    )


def _now(bad: str, total: str, present: str) -> ErrorExpressions:
    return ErrorExpressions(lambda _: bad, lambda _: total, lambda _: total, present)


def _counters(total: Selector, part: Selector, part_is: str) -> ErrorExpressions:
    def everything(window: str) -> str:
        return f"sum(rate({total}[{window}]))"

    def bad(window: str) -> str:
        counted = f"sum(rate({part}[{window}]))"
        if part_is == "good":
            return f"{everything(window)} - {counted}"
        return f"{counted} or 0 * {everything(window)}"

    return ErrorExpressions(bad, everything, lambda window: f"sum(increase({total}[{window}]))", str(total))


def _queries(indicator: QueryIndicator, step: str) -> ErrorExpressions:
    def over(query: str, window: str) -> str:
        if "$window" in query:
            return f"({query.replace('$window', window)})"
        return f"avg_over_time(({query})[{window}:{step}])"

    def everything(window: str) -> str:
        return over(indicator.total, window)

    def bad(window: str) -> str:
        if indicator.part_is == "good":
            return f"{everything(window)} - {over(indicator.part, window)}"
        return f"{over(indicator.part, window)} or 0 * {everything(window)}"

    def events(window: str) -> str:
        if "$window" in indicator.total:
            return everything(window)
        return f"sum_over_time(({indicator.total})[{window}:{step}])"

    return ErrorExpressions(bad, everything, events, f"({indicator.total.replace('$window', '5m')})")
