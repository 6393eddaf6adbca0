"""Moments as people give them."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.since import parse_since

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("1d12h", NOW - timedelta(hours=36)),
        ("2025-07-07T10:00:00Z", NOW - timedelta(hours=2)),
        ("2025-07-07T12:00:00+02:00", NOW - timedelta(hours=2)),
    ],
)
def test_durations_and_times_are_understood(text: str, expected: datetime) -> None:
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "2025-07-07", "2025-07-07T10:00:00", "5 m", "99999999999999d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a duration"):
        parse_since(text, NOW)
