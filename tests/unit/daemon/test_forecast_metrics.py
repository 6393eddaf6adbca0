"""Forecasts from a stand-in of Prometheus: what is read, what is exported, what a failure keeps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from controlplane.daemon.forecast_metrics import forecast_metrics
from controlplane.domain.forecast import Resource
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.anomaly.ports import QueryRefused, SeriesPoints
from controlplane.services.forecasts import Forecasts, forecast_view

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
DISK = Resource("disk", "used", "size", "Disk", "磁盘", "B", "node", ("mountpoint",))


class FakePrometheus:
    """A disk that grows by 10 an hour to 1000 of 1240, one that does not, and one that is a day too young."""

    def __init__(self) -> None:
        self.fault: CmctlError | None = None

    async def points(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Sequence[SeriesPoints]:
        if self.fault is not None:
            raise self.fault
        if query == "size":
            return [SeriesPoints({"mountpoint": name}, [(end_ms, 1240.0)]) for name in ("/", "/steady", "/young")]
        hours = range(240)
        grows = [(end_ms - hour * 3_600_000, 1000.0 - 10 * hour / 10) for hour in reversed(hours)]
        steady = [(at, 500.0) for at, _ in grows]
        found = {"/": grows, "/steady": steady, "/young": steady[-3:], "/unlimited": steady}
        return [SeriesPoints({"mountpoint": name}, points) for name, points in found.items()]


class Of(Collector):
    """The metrics of forecasts as a registry wants them."""

    def __init__(self, forecasts: Forecasts) -> None:
        self.forecasts = forecasts

    def collect(self) -> Sequence[Metric]:
        return list(forecast_metrics(self.forecasts))


def forecasts() -> tuple[FakePrometheus, Forecasts]:
    source = FakePrometheus()
    return source, Forecasts([DISK], source, lambda: NOW, horizon_days=90)  # type: ignore[arg-type]


async def test_what_grows_has_a_day_and_comes_first() -> None:
    _, made = forecasts()
    assert await made.refresh() == "3 series forecast"
    views = [forecast_view(one) for one in made.latest()]
    assert [(view["labels"]["mountpoint"], view["state"]) for view in views] == [
        ("/", "growing"),
        ("/steady", "steady"),
        ("/young", "learning"),
    ]
    assert views[0]["growth_per_day"] == pytest.approx(24)
    assert abs(views[0]["expected_at"] - (NOW + timedelta(days=10))) < timedelta(hours=3)


async def test_days_are_exported_by_bound() -> None:
    _, made = forecasts()
    await made.refresh()
    registry = CollectorRegistry()
    registry.register(Of(made))
    text = generate_latest(registry).decode()
    lines = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
    series = 'resource="disk",series="{mountpoint=\\"/\\"}"'
    (days,) = [value for name, value in lines.items() if series in name and 'bound="expected"' in name]
    assert 9 < days < 11
    assert [value for name, value in lines.items() if "/steady" in name and 'bound="late"' in name] == [3650.0]
    assert not [name for name in lines if "/young" in name]


async def test_a_failure_keeps_the_last_forecast_and_is_said() -> None:
    source, made = forecasts()
    await made.refresh()
    source.fault = QueryRefused("parse error")
    with pytest.raises(CmctlError, match="disk: parse error"):
        await made.refresh()
    source.fault = DependencyUnreachable("away")
    with pytest.raises(DependencyUnreachable):
        await made.refresh()
    assert len(made.latest()) == 3
