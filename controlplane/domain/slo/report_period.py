"""The period of a report: a rolling window, a calendar unit by name, or any two moments; and the one before it."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from controlplane.domain.slo.objective import Calendar, TimeWindow
from controlplane.domain.slo.windows import Period, first_day, midnight, next_first_day

PeriodKind = Literal["rolling", "day", "week", "month", "quarter", "custom"]
_NAMES: dict[Calendar, str] = {
    "day": "such as 2026-10-31", "week": "such as 2026-W44", "month": "such as 2026-10", "quarter": "such as 2026-Q4",
}  # fmt: skip
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True)
class ReportPeriod:
    """A period with its name, such as ``2026-10``; ``before`` is the one it is compared with."""

    kind: PeriodKind
    name: str
    time_zone: str
    period: Period
    before: Period


def rolling(seconds: float, now: datetime) -> ReportPeriod:
    """The latest so many seconds."""
    length = timedelta(seconds=seconds)
    return ReportPeriod(
        "rolling", "", "UTC", Period(now - length, now, now), Period(now - 2 * length, now - length, now - length)
    )


def window_period(window: TimeWindow, now: datetime) -> ReportPeriod:
    """The window of an objective as it stands now."""
    if window.rolling_seconds is not None:
        return rolling(window.rolling_seconds, now)
    return named(window.calendar or "day", "current", window.time_zone, now)


def custom(start: datetime, end: datetime, time_zone: str, now: datetime) -> ReportPeriod:
    """From one moment to another. Raises ValueError when that is no past time."""
    if end <= start:
        raise ValueError("the end must be later than the start")
    if start >= now:
        raise ValueError("the period lies in the future")
    end = min(end, now)
    length = end - start
    return ReportPeriod("custom", "", time_zone, Period(start, end, end), Period(start - length, start, start))


def named(unit: Calendar, name: str, time_zone: str, now: datetime) -> ReportPeriod:
    """A calendar unit: ``current``, ``last``, or its name. Raises ValueError for what is none, or has not begun."""
    zone = ZoneInfo(time_zone)
    today = first_day(unit, now.astimezone(zone).date())
    first = {"current": today, "last": _first_before(unit, today)}.get(name) or _first_day_of(unit, name)
    start, end = midnight(first, zone), midnight(next_first_day(unit, first), zone)
    if start >= now:
        raise ValueError(f"{name} has not begun")
    before = _first_before(unit, first)
    return ReportPeriod(
        unit,
        name_of(unit, first),
        time_zone,
        Period(start, min(now.astimezone(UTC), end), end),
        Period(midnight(before, zone), start, start),
    )


def name_of(unit: Calendar, first: date) -> str:
    """Name of the unit that begins on a day."""
    if unit == "week":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    if unit == "quarter":
        return f"{first.year}-Q{(first.month + 2) // 3}"
    return f"{first:%Y-%m}" if unit == "month" else first.isoformat()


def _first_before(unit: Calendar, first: date) -> date:
    return first_day(unit, first - timedelta(days=1))


def _first_day_of(unit: Calendar, name: str) -> date:
    try:
        if unit == "day":
            return date.fromisoformat(name)
        pattern = {"week": _WEEK, "month": _MONTH, "quarter": _QUARTER}[unit]
        match = pattern.fullmatch(name)
        if match is None:
            raise ValueError(name)
        year, number = int(match[1]), int(match[2])
        if unit == "week":
            return date.fromisocalendar(year, number, 1)
        return date(year, number if unit == "month" else number * 3 - 2, 1)
    except ValueError as error:
        raise ValueError(f"{name!r} is no {unit}; give current, last or one {_NAMES[unit]}") from error
