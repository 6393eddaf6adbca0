"""Drills in a real PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.drills import PostgresDrills
from controlplane.domain.backup.drill import DrillCheck, DrillReport

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = DrillReport(
    "20261121T120000Z", "set", NOON, NOON, "passed", rto_seconds=2.5, checks=(DrillCheck("rows", None, "none"),)
)


async def test_each_is_kept_once_and_comes_back_newest_first(database: Database) -> None:
    store = PostgresDrills(database)
    later = NOON + timedelta(days=7)
    second = replace(FIRST, id="20261128T120000Z", started_at=later, outcome="failed", problem="no space")
    await store.keep([FIRST])
    await store.keep([second, replace(FIRST, problem="is there already")])
    assert await store.latest(10) == [second, FIRST]
    assert await store.latest(1) == [second]
