"""The section ``anomaly`` of ``cmctl.yml``: what is watched, how often, and what is told."""

from typing import Literal

from pydantic import Field, model_validator

from controlplane.config.section import Seconds, Section


class AnomalyWatch(Section):
    """One query whose series are scored."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Unique name, snake_case.")
    query: str = Field(min_length=1, max_length=4000, description="PromQL; every series that it gives is watched.")
    title: str = Field("", max_length=200, description="What it measures, for people; default: the name.")
    title_zh: str = Field("", max_length=200, description="The same in Chinese.")
    unit: str = Field("", max_length=20, description="Unit of its values: s, B, %, 1/s …")
    service: str = Field("", max_length=100, description="Service that its alerts are labelled with.")
    labels: list[str] = Field(
        default_factory=list, description="Labels that tell its series apart and are shown; default: all it has."
    )
    interval_seconds: float | None = Field(
        None, ge=0.5, le=86_400, description="Overrides anomaly.interval_seconds: the distance between its samples."
    )


class ForecastResource(Section):
    """Something that can be full."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Unique name, snake_case.")
    used: str = Field(min_length=1, max_length=4000, description="PromQL: how much of it is used.")
    limit: str = Field(
        min_length=1, max_length=4000, description="A number, or PromQL with the same labels: how much there is."
    )
    title: str = Field("", max_length=200, description="What it is, for people; default: the name.")
    title_zh: str = Field("", max_length=200, description="The same in Chinese.")
    unit: str = Field("", max_length=20, description="Unit of its values.")
    service: str = Field("", max_length=100, description="Service that it belongs to.")
    labels: list[str] = Field(
        default_factory=list, description="Labels that tell its series apart; default: all that `used` has."
    )


class Anomaly(Section):
    """Series that are scored as they stream, and what is told of them. See docs/anomaly.md."""

    enabled: bool = Field(True, description="Watch at all.")
    interval_seconds: float = Field(
        60, ge=0.5, le=86_400, description="Distance between the samples of a series; at 600 samples it has warmed up."
    )
    history_days: float = Field(
        7, gt=0, le=365, description="A series new to us is learnt from so much of Prometheus's past; gaps also."
    )
    watches: list[AnomalyWatch] = Field(
        default_factory=list, description="Further watches. One with the name of a built-in watch replaces it."
    )
    disabled: list[str] = Field(default_factory=list, description="Names of built-in watches to leave out.")
    max_series_per_watch: int = Field(
        500, ge=1, le=20_000, description="A query that gives more series is cut to so many, and says so."
    )
    max_concurrent_queries: int = Field(4, ge=1, le=64, description="Queries asked of Prometheus at once.")
    query_timeout_seconds: Seconds = Field(20, description="A query that takes longer has failed.")
    save_interval_seconds: Seconds = Field(
        300, description="How often what was learnt is saved; after a crash the rest is read from Prometheus again."
    )
    least_severity: Literal["info", "warning", "error"] = Field(
        "warning", description="Episodes below are listed and not sent to Alertmanager."
    )
    max_alerts: int = Field(10, ge=1, le=1000, description="More episodes at once are told as one alert.")
    resend_seconds: Seconds = Field(
        60,
        description="How often a lasting alert is sent again; unsent four times, at least five minutes, it ends.",
    )
    deploy_settle_seconds: float = Field(
        900, ge=0, le=86_400, description="For so long after a recorded deploy nothing is scored or learnt."
    )
    forecasts: list[ForecastResource] = Field(
        default_factory=list, description="Further things that can be full. One with a built-in name replaces that."
    )
    forecasts_disabled: list[str] = Field(default_factory=list, description="Names of built-in forecasts to leave out.")
    forecast_interval_seconds: float = Field(900, ge=1, le=86_400, description="How often forecasts are made anew.")
    forecast_horizon_days: float = Field(90, gt=0, le=400, description="What is not full by then is not forecast.")
    retention_days: int = Field(400, ge=1, description="How long ended episodes are kept.")

    @model_validator(mode="after")
    def _names_differ(self) -> "Anomaly":
        names = [watch.name for watch in self.watches]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"watches: more than one watch is named {twice[0]!r}")
        names = [forecast.name for forecast in self.forecasts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"forecasts: more than one forecast is named {twice[0]!r}")
        return self
