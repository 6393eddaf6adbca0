"""Periods of reports: names of calendar units, time zones, and the period before."""

from datetime import UTC, datetime

import pytest

from controlplane.domain.slo.objective import Calendar, TimeWindow
from controlplane.domain.slo.report_period import custom, named, rolling, window_period

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "name", "given", "start", "end", "before"),
    [
        ("month", "2026-10", "2026-10", "2026-10-01", "2026-11-01", "2026-09-01"),
        ("month", "2026-10", "last", "2026-10-01", "2026-11-01", "2026-09-01"),
        ("month", "2024-02", "2024-02", "2024-02-01", "2024-03-01", "2024-01-01"),
        ("quarter", "2026-Q1", "2026-Q1", "2026-01-01", "2026-04-01", "2025-10-01"),
        ("week", "2026-W46", "last", "2026-11-09", "2026-11-16", "2026-11-02"),
        ("week", "2020-W53", "2020-W53", "2020-12-28", "2021-01-04", "2020-12-21"),
        ("day", "2026-11-20", "last", "2026-11-20", "2026-11-21", "2026-11-19"),
    ],
)
def test_a_calendar_unit_by_name(unit: Calendar, name: str, given: str, start: str, end: str, before: str) -> None:
    found = named(unit, given, "UTC", NOW)
    assert (found.kind, found.name) == (unit, name)
    assert (found.period.start, found.period.end, found.period.ahead_seconds) == (_utc(start), _utc(end), 0)
    assert (found.before.start, found.before.end) == (_utc(before), _utc(start))


def test_the_running_month_ends_now_and_has_time_ahead() -> None:
    found = named("month", "current", "UTC", NOW)
    assert (found.name, found.period.end, found.period.full_end) == ("2026-11", NOW, _utc("2026-12-01"))


def test_a_day_begins_at_midnight_of_its_zone() -> None:
    found = named("day", "2026-11-20", "Asia/Shanghai", NOW)
    assert found.period.start == datetime(2026, 11, 19, 16, tzinfo=UTC)
    # Eleven in the evening of the 21st in UTC is the 22nd in Shanghai already.
    late = datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert named("day", "current", "Asia/Shanghai", late).name == "2026-11-22"


def test_a_day_of_25_hours_is_25_hours_long() -> None:
    assert named("day", "2026-10-25", "Europe/Berlin", NOW).period.seconds == 25 * 3600


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("month", "2026-12"),
        ("month", "2026-13"),
        ("month", "october"),
        ("week", "2026-W54"),
        ("quarter", "2026-Q5"),
        ("day", "2026-02-29"),
        ("day", "2026-11-22"),
    ],
)
def test_what_is_no_period_or_has_not_begun(unit: Calendar, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        named(unit, name, "UTC", NOW)


def test_a_rolling_window_is_compared_with_the_one_before() -> None:
    found = rolling(3600, NOW)
    assert (found.period.start, found.before.start, found.before.end) == (
        _utc("2026-11-21T09:00"),
        _utc("2026-11-21T08:00"),
        _utc("2026-11-21T09:00"),
    )
    assert window_period(TimeWindow(rolling_seconds=3600), NOW) == found
    assert window_period(TimeWindow(calendar="week"), NOW).name == "2026-W47"


def test_any_two_moments() -> None:
    found = custom(_utc("2026-11-20"), _utc("2026-11-22"), "UTC", NOW)
    assert (found.period.end, found.before.start) == (NOW, _utc("2026-11-18T14:00"))
    with pytest.raises(ValueError, match="later than the start"):
        custom(NOW, NOW, "UTC", NOW)
    with pytest.raises(ValueError, match="future"):
        custom(_utc("2026-11-22"), _utc("2026-11-23"), "UTC", NOW)
