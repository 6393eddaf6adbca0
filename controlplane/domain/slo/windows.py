"""Windows: from ``30 days`` or ``this month in Shanghai`` to two moments."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from controlplane.domain.slo.objective import Calendar, TimeWindow


@dataclass(frozen=True)
class Period:
    """A half-open stretch (start, end]; ``full_end`` is later than ``end`` while a calendar period still runs."""

    start: datetime
    end: datetime
    full_end: datetime

    @property
    def seconds(self) -> float:
        """Real elapsed seconds from start to end, daylight saving included."""
        return (self.end - self.start).total_seconds()

    @property
    def ahead_seconds(self) -> float:
        """Part of a calendar period that is still to come."""
        return (self.full_end - self.end).total_seconds()


def resolve(window: TimeWindow, now: datetime) -> Period:
    """The window as of ``now``: the last N seconds, or the calendar unit that ``now`` lies in."""
    if now.tzinfo is None:
        raise ValueError("now must be timezone-aware")
    if window.rolling_seconds is not None:
        return Period(now - timedelta(seconds=window.rolling_seconds), now, now)
    zone = ZoneInfo(window.time_zone)
    first = first_day(window.calendar or "day", now.astimezone(zone).date())
    start, full_end = midnight(first, zone), midnight(next_first_day(window.calendar or "day", first), zone)
    return Period(start, min(now.astimezone(UTC), full_end), full_end)


def first_day(unit: Calendar, day: date) -> date:
    """First day of the calendar unit that ``day`` lies in; weeks begin on Monday (ISO 8601)."""
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)


def next_first_day(unit: Calendar, first: date) -> date:
    """First day of the calendar unit after the one that begins on ``first``."""
    if unit == "day":
        return first + timedelta(days=1)
    if unit == "week":
        return first + timedelta(days=7)
    months = 1 if unit == "month" else 3
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Midnight in a zone, as UTC; where the clock skips it, the moment of the skip."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
