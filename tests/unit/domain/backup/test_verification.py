"""Which sets are verified next."""

from datetime import UTC, datetime, timedelta

from controlplane.domain.backup.verification import Verification, due

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def seen(name: str, days_ago: float, *problems: str) -> Verification:
    return Verification(name, NOW - timedelta(days=days_ago), 1, 1, 1.0, problems)


def test_never_bad_and_long_ago_are_due() -> None:
    known = {item.set_id: item for item in (seen("recent", 1), seen("old", 30), seen("bad", 1, "broken"))}
    assert due(["never", "recent", "old", "bad"], known, NOW, timedelta(days=30)) == ["never", "old", "bad"]
