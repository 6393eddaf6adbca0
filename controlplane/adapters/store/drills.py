"""Drills in PostgreSQL."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.backup.drill import DrillReport, from_json, to_json


class PostgresDrills:
    """Keeps reports of drills; one that is there already stays as it is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, reports: Sequence[DrillReport]) -> None:
        """Keep those that are not there yet. Raises DependencyUnreachable."""
        async with self._database.transaction() as connection:
            await connection.cursor().executemany(query("keep_drill"), [_row(report) for report in reports])

    async def latest(self, limit: int) -> list[DrillReport]:
        """The latest drills, newest first. Raises DependencyUnreachable."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(query("drills"), {"limit": limit})
            return [from_json(row[0]) for row in await cursor.fetchall()]


def _row(report: DrillReport) -> dict[str, object]:
    return {
        "id": report.id,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "outcome": report.outcome,
        "set_id": report.set_id,
        "rpo_seconds": report.rpo_seconds,
        "rto_seconds": report.rto_seconds,
        "report": Jsonb(to_json(report)),
    }
