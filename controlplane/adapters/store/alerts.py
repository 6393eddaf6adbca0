"""The alerts in PostgreSQL."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from psycopg.rows import class_row, tuple_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.flapping import follow_flapping
from controlplane.adapters.store.queries import query
from controlplane.domain.alert import REOPEN_AFTER, Alert, AlertFilter, StateChange
from controlplane.domain.flapping import DEFAULT_LIMITS, FlappingLimits
from controlplane.services.ports import JournalBatch, JournalPosition, PositionMoved

READ_SECONDS = 5.0
DELETE_BATCH = 5000


class PostgresAlertStore:
    """Implements AlertStore, and AlertSource for reading."""

    name = "postgresql"

    def __init__(
        self, database: Database, notes_events: bool = False, flapping: FlappingLimits = DEFAULT_LIMITS
    ) -> None:
        """``notes_events``: note every change of state for the outbox, in the transaction that stores it."""
        self._database = database
        self._notes_events = notes_events
        self._flapping = flapping

    async def journal_position(self, journal_id: str, start: JournalPosition) -> JournalPosition:
        """How far a journal has been moved; ``start`` for a journal that is new to the store."""
        parameters = {"journal_id": journal_id, "segment": start.segment, "offset": start.offset}
        async with self._database.transaction() as connection:
            await connection.execute(query("add_journal_position"), parameters)
            cursor = await connection.execute(query("read_journal_position"), parameters)
            row = await cursor.fetchone()
        return JournalPosition(*row) if row else start

    async def move(self, journal_id: str, batch: JournalBatch) -> None:
        """Store a batch and the new position in one transaction."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(query("advance_journal_position"), _positions(journal_id, batch))
            if cursor.rowcount != 1:
                raise PositionMoved(f"journal {journal_id} is not at {batch.start} any more")
            if batch.records:
                common = {"reopen_after": REOPEN_AFTER, "notes_events": self._notes_events}
                cursor = await connection.execute(query("move_alerts"), {"alerts": as_json_array(batch), **common})
                if several := [fingerprint for (fingerprint,) in await cursor.fetchall()]:
                    await connection.execute(query("supersede_alerts"), {"fingerprints": several, **common})
                    await follow_flapping(connection, several, self._flapping)

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        """The wanted alerts, firing before resolved, newest start first."""
        async with self._database.connection(READ_SECONDS) as connection:
            cursor = connection.cursor(row_factory=class_row(Alert))
            await cursor.execute(query("list_alerts"), _filter_parameters(wanted))
            return await cursor.fetchall()

    async def history(self, fingerprint: str) -> list[StateChange]:
        """Every change of state of a fingerprint, oldest first."""
        async with self._database.connection(READ_SECONDS) as connection:
            cursor = connection.cursor(row_factory=class_row(StateChange))
            await cursor.execute(query("alert_history"), {"fingerprint": fingerprint})
            return await cursor.fetchall()

    async def delete_old(self, name: str, keep: int) -> int:
        """Delete all but the newest resolved alerts of a name; returns how many."""
        async with self._database.connection() as connection:
            return (await connection.execute(query("delete_old_of_name"), {"name": name, "keep": keep})).rowcount

    async def delete_resolved_before(self, moment: datetime) -> int:
        """Delete alerts that were resolved before a moment, a few thousand at a time; returns how many."""
        deleted = 0
        async with self._database.connection() as connection:
            await connection.execute(query("delete_old_flapping"), {"before": moment})
            cursor = connection.cursor(row_factory=tuple_row)
            while True:
                await cursor.execute(query("delete_resolved_alerts"), {"before": moment, "limit": DELETE_BATCH})
                deleted += cursor.rowcount
                if cursor.rowcount < DELETE_BATCH:
                    return deleted


def as_json_array(batch: JournalBatch) -> str:
    """All alerts of a batch as one JSON array. A record holds one JSON object a line."""
    lines = b"\n".join(batch.records).replace(b"\n", b",")
    return (b"[" + lines + b"]").decode("utf-8")


def _positions(journal_id: str, batch: JournalBatch) -> dict[str, Any]:
    return {
        "journal_id": journal_id,
        "start_segment": batch.start.segment,
        "start_offset": batch.start.offset,
        "end_segment": batch.end.segment,
        "end_offset": batch.end.offset,
    }


def _filter_parameters(wanted: AlertFilter) -> Mapping[str, Any]:
    return {
        "state": wanted.state,
        "severity": wanted.severity,
        "fingerprint": wanted.fingerprint,
        "since": wanted.since,
        "labels": orjson.dumps(dict(wanted.labels)).decode("utf-8"),
        "limit": wanted.limit,
        "after_state": wanted.after.state if wanted.after else None,
        "after_starts_at": wanted.after.starts_at if wanted.after else None,
        "after_fingerprint": wanted.after.fingerprint if wanted.after else None,
    }
