"""Whether the newest set is young enough, and how the status says so."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.backup.overview import SetView, freshness
from controlplane.domain.status import last_backup

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def finished(hours_ago: float) -> SetView:
    moment = NOW - timedelta(hours=hours_ago)
    return SetView("id", "/x", True, "full", None, moment, moment, 12_000_000)


@pytest.mark.parametrize(("newest", "state"), [(None, "none"), (finished(24), "fresh"), (finished(24.1), "stale")])
def test_freshness(newest: SetView | None, state: str) -> None:
    assert freshness(newest, NOW, DAY) == state


def test_words() -> None:
    assert last_backup(finished(0.5), NOW, DAY).message == "30 min ago: id, full, 12 MB"
    assert last_backup(finished(30), NOW, DAY).message == "30 h ago, older than 24 h: id, full, 12 MB"
