"""Windows: rolling, and calendar units across leap and daylight-saving days."""

from datetime import UTC, datetime

import pytest

from controlplane.domain.slo.objective import TimeWindow
from controlplane.domain.slo.windows import resolve

HOUR = 3600.0


def test_a_rolling_window_ends_now() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    period = resolve(TimeWindow(rolling_seconds=30 * 24 * HOUR), now)
    assert (period.start, period.end, period.ahead_seconds) == (datetime(2026, 1, 30, 12, tzinfo=UTC), now, 0.0)


@pytest.mark.parametrize(
    ("case", "window", "now", "start", "full_end"),
    [
        ("day", TimeWindow(calendar="day"), "2026-05-05T10:00", "2026-05-05T00:00", "2026-05-06T00:00"),
        (
            "week begins on Monday",
            TimeWindow(calendar="week"),
            "2026-11-22T23:59",
            "2026-11-16T00:00",
            "2026-11-23T00:00",
        ),
        ("leap February", TimeWindow(calendar="month"), "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("December", TimeWindow(calendar="month"), "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("quarter", TimeWindow(calendar="quarter"), "2026-11-20T00:00", "2026-10-01T00:00", "2027-01-01T00:00"),
        (
            "Shanghai is eight hours ahead",
            TimeWindow(calendar="month", time_zone="Asia/Shanghai"),
            "2026-10-31T17:00",
            "2026-10-31T16:00",
            "2026-11-30T16:00",
        ),
        (
            "spring day of 23 hours",
            TimeWindow(calendar="day", time_zone="Europe/Berlin"),
            "2026-03-29T10:00",
            "2026-03-28T23:00",
            "2026-03-29T22:00",
        ),
        (
            "autumn day of 25 hours",
            TimeWindow(calendar="day", time_zone="Europe/Berlin"),
            "2026-10-25T10:00",
            "2026-10-24T22:00",
            "2026-10-25T23:00",
        ),
        (
            "midnight that the clock skips",
            TimeWindow(calendar="day", time_zone="Africa/Cairo"),
            "2026-04-24T10:00",
            "2026-04-23T22:00",
            "2026-04-24T21:00",
        ),
    ],
)
def test_calendar_units(case: str, window: TimeWindow, now: str, start: str, full_end: str) -> None:
    period = resolve(window, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (period.start, period.full_end) == tuple(
        datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, full_end)
    ), case


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        resolve(TimeWindow(calendar="day"), datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test
