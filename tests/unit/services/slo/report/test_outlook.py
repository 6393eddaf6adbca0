"""Forecasts in a report: interval and baseline, in both languages, and what is not known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from controlplane.domain.forecast import DAY, Forecast, Resource, forecast
from controlplane.domain.slo.outlook import Outlook
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.forecasts import Forecasted
from controlplane.services.slo.report.formats import Formats
from controlplane.services.slo.report.outlook import outlook_record, outlook_section, read_outlook
from controlplane.services.slo.report.words import Language, Speaker

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DISK = Resource("disk", "used", "size", "Disk", "磁盘", "B", "node", ("mountpoint",))
GIB = 2.0**30


class StandIn:
    """Gives the forecasts it was made with."""

    def __init__(self, found: Sequence[Forecasted], fault: CmctlError | None = None) -> None:
        self.found = found
        self.fault = fault

    async def refresh(self) -> str:
        if self.fault:
            raise self.fault
        return ""

    def latest(self) -> Sequence[Forecasted]:
        return self.found


def made(found: Forecast | None, mountpoint: str) -> Forecasted:
    return Forecasted(DISK, (("mountpoint", mountpoint),), found, NOW)


def in_days(days: float) -> float:
    return NOW.timestamp() + days * DAY


GROWS = made(Forecast(60 * GIB, 80 * GIB, 2 * GIB, "week", 28 * DAY, in_days(8), in_days(10), None, in_days(5)), "/")
STEADY = made(Forecast(10 * GIB, 80 * GIB, 0.0, "week", 28 * DAY, None, None, None, None), "/steady")
YOUNG = made(None, "/young")


def in_words(outlook: Outlook, language: Language) -> str:
    (section,) = outlook_section(outlook, Formats(Speaker(language), "UTC"))
    return repr(section)


async def test_each_line_has_its_interval_and_the_straight_line_beside_it() -> None:
    outlook = await read_outlook(StandIn([GROWS, STEADY, YOUNG]), NOW)
    text = in_words(outlook, "en")
    for words in ("60 GiB of 80 GiB", "2 GiB", "2026-12-01", "2026-11-29 – later", "2026-11-26", "too little history"):
        assert words in text, words
    assert "磁盘 /" in in_words(outlook, "zh") and "直线外推" in in_words(outlook, "zh")
    record = outlook_record(outlook)
    assert record is not None
    first = record["forecasts"][0]
    assert first["labels"] == {"mountpoint": "/"}
    assert (first["early"], first["late"]) == (NOW + timedelta(days=8), None)
    assert (first["expected"], first["straight"]) == (NOW + timedelta(days=10), NOW + timedelta(days=5))


async def test_without_prometheus_the_report_says_so() -> None:
    outlook = await read_outlook(StandIn([], DependencyUnreachable("prometheus: connection refused")), NOW)
    assert "not known: prometheus: connection refused" in in_words(outlook, "en")
    assert outlook_section(None, Formats(Speaker("en"), "UTC")) == []


def test_the_straight_line_is_that_of_the_last_day() -> None:
    """Ten an hour for a week and twenty in the last day: the line sees the last day, the trend the week."""
    now = NOW.timestamp()
    times = [now - hour * 3600 + 1 for hour in range(192, 0, -1)]
    values = [10.0 * (192 - hour) + (10.0 * (24 - hour) if hour < 24 else 0.0) for hour in range(192, 0, -1)]
    found = forecast(times, values, values[-1] + 480, now)
    assert found is not None and found.straight is not None and found.expected is not None
    assert abs(found.straight - (now + DAY)) < 2 * 3600
    assert found.expected > found.straight + 0.5 * DAY
