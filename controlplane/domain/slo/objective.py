"""An objective: what is measured, over which window, and how much of it must be good."""

from dataclasses import dataclass, field
from typing import Literal

from controlplane.domain.slo.selector import Matcher, Selector

Comparison = Literal["gte", "gt", "lte", "lt", "eq", "ne"]
Instances = Literal["mean", "all", "any"]
Calendar = Literal["day", "week", "month", "quarter"]
DAY_SECONDS = 86_400.0
# Nominal days of a calendar unit; only the scaling of burn-rate windows uses it, budgets use the real length.
_NOMINAL_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 90}


@dataclass(frozen=True)
class TimeWindow:
    """A rolling window of ``rolling_seconds``, or a calendar unit in an IANA time zone."""

    rolling_seconds: float | None = None
    calendar: Calendar | None = None
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if (self.rolling_seconds is None) == (self.calendar is None):
            raise ValueError("give exactly one of rolling_seconds and calendar")

    @property
    def nominal_seconds(self) -> float:
        """Usual length in seconds; a month counts 30 days, a quarter 90."""
        if self.rolling_seconds is not None:
            return self.rolling_seconds
        return _NOMINAL_DAYS[self.calendar or "day"] * DAY_SECONDS


@dataclass(frozen=True)
class GaugeIndicator:
    """Time during which a gauge compares well with ``value``; ``instances`` says how several series count.

    ``mean``: the share of series that are good; ``all``: every one must be; ``any``: one is enough.
    With ``expected_instances``, series that are missing are unknown; without, whoever reports counts.
    """

    gauge: Selector
    comparison: Comparison = "gte"
    value: float = 1.0
    instances: Instances = "mean"
    expected_instances: int | None = None


@dataclass(frozen=True)
class FreshnessIndicator:
    """Time during which the newest Unix timestamp is at most ``max_age_seconds`` old."""

    timestamp: Selector
    max_age_seconds: float


@dataclass(frozen=True)
class CounterIndicator:
    """Events counted by a total counter, and by one that counts the ``good`` or the ``bad`` of them."""

    total: Selector
    part: Selector
    part_is: Literal["good", "bad"]


@dataclass(frozen=True)
class LatencyIndicator:
    """Events of a histogram (named without ``_bucket``) that took at most ``threshold_seconds``, a bucket bound."""

    histogram: Selector
    threshold_seconds: float

    @property
    def total(self) -> Selector:
        """Counter of all events."""
        return self.histogram.suffixed("_count")

    @property
    def good(self) -> Selector:
        """Counter of the fast ones; exporters write the same bound as ``1``, ``1.0`` or ``1e+00``."""
        spellings = {f"{self.threshold_seconds:g}", repr(float(self.threshold_seconds))}
        pattern = "|".join(sorted(text.replace(".", "\\.").replace("+", "\\+") for text in spellings))
        return self.histogram.suffixed("_bucket").matching(Matcher("le", "=~", pattern))


@dataclass(frozen=True)
class QuantileIndicator:
    """Time, in slices, during which a quantile of a histogram is at most ``threshold_seconds``."""

    histogram: Selector
    quantile: float
    threshold_seconds: float
    slice_seconds: float

    @property
    def buckets(self) -> Selector:
        """All buckets of the histogram."""
        return self.histogram.suffixed("_bucket")


@dataclass(frozen=True)
class QueryIndicator:
    """Any two PromQL queries whose ratio is the SLI; ``$window`` in them is the width that one value stands for."""

    total: str
    part: str
    part_is: Literal["good", "bad"]


Indicator = (
    GaugeIndicator | FreshnessIndicator | CounterIndicator | LatencyIndicator | QuantileIndicator | QueryIndicator
)
TIME_INDICATORS = (GaugeIndicator, FreshnessIndicator, QuantileIndicator)


@dataclass(frozen=True)
class Sampling:
    """How samples become slots; all in seconds, all whole multiples of a millisecond.

    ``step`` is the slot, normally the scrape interval. A sample vouches for
    ``staleness`` after it. Counters bridge gaps up to ``bridge``.
    ``replica_labels`` tell apart Prometheus servers that scrape the same targets.
    """

    step_seconds: float = 15.0
    staleness_seconds: float = 45.0
    bridge_seconds: float = 1800.0
    replica_labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alerting:
    """How the generated alerts of an objective behave. ``minimum_events`` is the low-traffic guard."""

    enabled: bool = True
    minimum_events: float = 0.0
    absent_after_seconds: float = 600.0


@dataclass(frozen=True)
class Objective:
    """One objective. ``target`` is a share below 1, such as 0.999."""

    name: str
    service: str
    title: str
    title_zh: str
    description: str
    indicator: Indicator
    window: TimeWindow
    target: float
    minimum_coverage: float = 0.9
    at_risk_below: float = 0.25
    sampling: Sampling = field(default_factory=Sampling)
    alerting: Alerting = field(default_factory=Alerting)

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise ValueError(
                f"target {self.target:g} must lie between 0 and 1: an error budget of nothing cannot be kept"
            )

    @property
    def unit(self) -> Literal["seconds", "events"]:
        """What good and bad are counted in."""
        return "seconds" if isinstance(self.indicator, TIME_INDICATORS) else "events"

    @property
    def error_budget(self) -> float:
        """Share that may be bad."""
        return 1.0 - self.target
