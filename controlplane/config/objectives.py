"""Objectives as data: the schema of ``objectives/<profile>.yml``, in the terms of OpenSLO.

Durations are Prometheus durations such as ``30d`` or ``1m30s``. Unknown keys
are errors. All problems of a file are reported at once, each with its path.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from controlplane.config.section import Seconds, Section
from controlplane.domain.duration import parse_duration
from controlplane.domain.slo import objective as domain
from controlplane.domain.slo.selector import parse_selector
from controlplane.errors import InvalidConfiguration


def _duration(text: str) -> str:
    if parse_duration(text) <= 0:
        raise ValueError("must be longer than 0")
    return text


def _selector(text: str) -> str:
    parse_selector(text)
    return text


def _query(text: str) -> str:
    for opening, closing in ("()", "{}", "[]"):
        if text.count(opening) != text.count(closing):
            raise ValueError(f"{opening} and {closing} do not match")
    return text


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from error
    return name


Duration = Annotated[str, AfterValidator(_duration)]
Selector = Annotated[str, AfterValidator(_selector)]
Query = Annotated[str, Field(min_length=1), AfterValidator(_query)]
DEFAULT_STEP_SECONDS = 15.0


class CalendarWindow(Section):
    """A calendar unit and the time zone its midnights are in."""

    unit: domain.Calendar = Field(description="day, week (from Monday), month or quarter.")
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "UTC", description="IANA name, such as Asia/Shanghai."
    )


class TimeWindow(Section):
    """Exactly one of a rolling duration and a calendar unit."""

    rolling: Duration | None = Field(None, description="The latest so much time, for example 30d.")
    calendar: CalendarWindow | None = Field(None, description="The running day, week, month or quarter.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "TimeWindow":
        if (self.rolling is None) == (self.calendar is None):
            raise ValueError("give exactly one of rolling and calendar")
        return self


class GoodWhen(Section):
    """A comparison, in OpenSLO's words."""

    op: domain.Comparison = Field("gte", description="gte, gt, lte, lt, eq or ne.")
    value: float = Field(1.0, allow_inf_nan=False, description="What the gauge is compared with.")


class Gauge(Section):
    """Time during which a gauge such as `up` compares well."""

    kind: Literal["gauge"] = Field(description="Names this indicator.")
    gauge: Selector = Field(description='Series selector, for example up{job="node"}.')
    good_when: GoodWhen = Field(GoodWhen(op="gte", value=1.0), description="When the gauge is good.")
    instances: domain.Instances = Field("mean", description="Several series: mean share, all of them, or any of them.")
    expected_instances: int | None = Field(
        None, ge=1, description="How many series there should be; missing ones are unknown."
    )

    def to_domain(self) -> domain.Indicator:
        """The indicator as the mathematics takes it."""
        return domain.GaugeIndicator(
            parse_selector(self.gauge), self.good_when.op, self.good_when.value, self.instances, self.expected_instances
        )


class RatioMetric(Section):
    """Events: a total counter, and a counter of the good or of the bad ones."""

    kind: Literal["ratio_metric"] = Field(description="Names this indicator.")
    total: Selector = Field(description="Counter of all events.")
    good: Selector | None = Field(None, description="Counter of the good ones; or give bad.")
    bad: Selector | None = Field(None, description="Counter of the bad ones; or give good.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "RatioMetric":
        if (self.good is None) == (self.bad is None):
            raise ValueError("give exactly one of good and bad")
        return self

    def to_domain(self) -> domain.Indicator:
        """The indicator as the mathematics takes it."""
        part_is: Literal["good", "bad"] = "bad" if self.good is None else "good"
        return domain.CounterIndicator(parse_selector(self.total), parse_selector(self.good or self.bad or ""), part_is)


class Latency(Section):
    """Events of a classic histogram that were fast enough."""

    kind: Literal["latency"] = Field(description="Names this indicator.")
    histogram: Selector = Field(description="Histogram without _bucket, for example http_request_duration_seconds.")
    threshold_seconds: Seconds = Field(description="Slowest good event; must be the bound of a bucket.")

    def to_domain(self) -> domain.Indicator:
        """The indicator as the mathematics takes it."""
        return domain.LatencyIndicator(parse_selector(self.histogram), self.threshold_seconds)


class LatencyQuantile(Section):
    """Time, slice by slice, during which a quantile of a classic histogram is low enough."""

    kind: Literal["latency_quantile"] = Field(description="Names this indicator.")
    histogram: Selector = Field(description="Histogram without _bucket.")
    quantile: float = Field(gt=0, lt=1, description="For example 0.95.")
    threshold_seconds: Seconds = Field(description="A slice is good when its quantile is at most this.")
    slice: Duration = Field("5m", description="Width of a slice.")

    def to_domain(self) -> domain.Indicator:
        """The indicator as the mathematics takes it."""
        return domain.QuantileIndicator(
            parse_selector(self.histogram), self.quantile, self.threshold_seconds, parse_duration(self.slice)
        )


class Freshness(Section):
    """Time during which the newest of some timestamps is young enough."""

    kind: Literal["freshness"] = Field(description="Names this indicator.")
    timestamp: Selector = Field(description="Gauge that holds a Unix time in seconds.")
    max_age: Duration = Field(description="Oldest good age, for example 26h.")

    def to_domain(self) -> domain.Indicator:
        """The indicator as the mathematics takes it."""
        return domain.FreshnessIndicator(parse_selector(self.timestamp), parse_duration(self.max_age))


class QueryRatio(Section):
    """Any two PromQL queries of one series each; `$window` in them is the width one value stands for."""

    kind: Literal["query_ratio"] = Field(description="Names this indicator.")
    total: Query = Field(description="Query of everything.")
    good: Query | None = Field(None, description="Query of the good part; or give bad.")
    bad: Query | None = Field(None, description="Query of the bad part; or give good.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "QueryRatio":
        if (self.good is None) == (self.bad is None):
            raise ValueError("give exactly one of good and bad")
        return self

    def to_domain(self) -> domain.Indicator:
        """The indicator as the mathematics takes it."""
        return domain.QueryIndicator(self.total, self.good or self.bad or "", "bad" if self.good is None else "good")


AnyIndicator = Annotated[
    Gauge | RatioMetric | Latency | LatencyQuantile | Freshness | QueryRatio, Field(discriminator="kind")
]


class Sampling(Section):
    """How samples become slots of time."""

    step: Duration | None = Field(None, description="Slot; default: the scrape interval of cmctl.yml.")
    staleness: Duration | None = Field(None, description="How long a sample vouches; default: three steps.")
    bridge: Duration = Field("30m", description="Longest gap that a counter without reset bridges.")
    replica_labels: list[str] = Field(
        default_factory=list, description="Labels that tell two Prometheus servers apart that scrape the same targets."
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Sampling":
        if self.staleness and self.step and parse_duration(self.staleness) < parse_duration(self.step):
            raise ValueError("staleness must be at least one step")
        return self

    def to_domain(self, default_step_seconds: float) -> domain.Sampling:
        """The same for the mathematics."""
        step = parse_duration(self.step) if self.step else default_step_seconds
        staleness = parse_duration(self.staleness) if self.staleness else 3 * step
        return domain.Sampling(step, staleness, parse_duration(self.bridge), tuple(self.replica_labels))


class Alerting(Section):
    """How the generated alerts behave."""

    enabled: bool = Field(True, description="Whether burn-rate alerts are generated.")
    minimum_events: float = Field(
        0,
        ge=0,
        description="Low-traffic guard: fewer events than this in the long window never alert, nor in the"
        " whole window give a verdict. Only for objectives that count events.",
    )
    absent_after: Duration = Field("10m", description="Alert when there has been no data for so long.")


class Objective(Section):
    """One service level objective."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,60}[a-z0-9]$", description="Unique name, such as mcp-availability.")
    service: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="What the objective is about.")
    title: str = Field(min_length=1, description="One line for people.")
    title_zh: str = Field(min_length=1, description="The same in Chinese.")
    description: str = Field("", description="Why, and where the number comes from.")
    indicator: AnyIndicator = Field(description="What is measured; `kind` says how.")
    time_window: TimeWindow = Field(description="Over which time.")
    target_percent: float = Field(gt=0, lt=100, description="How much must be good, below 100.")
    minimum_coverage: float = Field(0.9, ge=0, le=1, description="Known share of the window that a verdict needs.")
    at_risk_below: float = Field(
        0.25, ge=0, le=1, description="`at_risk` when less than this share of the budget is left."
    )
    sampling: Sampling = Field(default_factory=Sampling, description="How samples become time.")
    alerting: Alerting = Field(default_factory=Alerting, description="The generated alerts.")

    def to_domain(self, default_step_seconds: float) -> domain.Objective:
        """The objective as the mathematics takes it."""
        return domain.Objective(
            name=self.name,
            service=self.service,
            title=self.title,
            title_zh=self.title_zh,
            description=self.description,
            indicator=self.indicator.to_domain(),
            window=_window(self.time_window),
            # Through the shortest decimal: 99.9 / 100 is 0.9990000000000001.
            target=float(f"{self.target_percent / 100:.12g}"),
            minimum_coverage=self.minimum_coverage,
            at_risk_below=self.at_risk_below,
            sampling=self.sampling.to_domain(default_step_seconds),
            alerting=domain.Alerting(
                self.alerting.enabled, self.alerting.minimum_events, parse_duration(self.alerting.absent_after)
            ),
        )


class ObjectivesFile(Section):
    """The whole of ``objectives/<profile>.yml``."""

    profile: str = Field(description="Name of the profile; the name of the file.")
    objectives: list[Objective] = Field(description="The objectives.")

    @model_validator(mode="after")
    def _names_differ(self) -> "ObjectivesFile":
        names = [objective.name for objective in self.objectives]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"more than one objective is named {', '.join(twice)}")
        return self


def _window(window: TimeWindow) -> domain.TimeWindow:
    if window.calendar is not None:
        return domain.TimeWindow(calendar=window.calendar.unit, time_zone=window.calendar.time_zone)
    return domain.TimeWindow(rolling_seconds=parse_duration(window.rolling or "0"))


def load_objectives(path: Path, step_seconds: float = DEFAULT_STEP_SECONDS) -> list[domain.Objective]:
    """Read and validate a file; ``step_seconds`` is the slot of objectives that name none.

    Raises InvalidConfiguration with every problem and its path.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{path}: not valid YAML: {error}") from error
    except OSError as error:
        raise InvalidConfiguration(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(content, Mapping):
        raise InvalidConfiguration(f"{path}: the top level must be a mapping")
    return parse_objectives(content, str(path), step_seconds)


def parse_objectives(
    raw: Mapping[str, Any], source: str, step_seconds: float = DEFAULT_STEP_SECONDS
) -> list[domain.Objective]:
    """Validate a mapping. Raises InvalidConfiguration; ``source`` names it in the message."""
    try:
        return [objective.to_domain(step_seconds) for objective in ObjectivesFile.model_validate(raw).objectives]
    except ValidationError as error:
        problems = [_describe(item) for item in error.errors(include_url=False, include_input=False)]
        raise InvalidConfiguration(f"{source}: {len(problems)} invalid setting(s)", problems) from error


def _describe(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    return f"{path}: {str(item['msg']).removeprefix('Value error, ')}"
