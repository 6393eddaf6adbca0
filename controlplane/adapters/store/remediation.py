"""Attempts of remedies in PostgreSQL, with their entries in the action ledger."""

from datetime import datetime

from psycopg.rows import class_row

from controlplane.adapters.store.actions import add_action
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.action import Action
from controlplane.domain.alert import Alert
from controlplane.domain.remediation import Attempt, Outcome, Remedy

SECONDS = 5.0
KIND = "remediation"
ACTOR = "control plane"
INTERRUPTED = "the control plane ended while this was tried; nobody knows how far it came"


class PostgresRemediations:
    """Implements RemediationStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def interrupt(self, owner: str, now: datetime) -> int:
        """Mark as interrupted what an owner left running, and what others left running past its time."""
        parameters = {"owner": owner, "now": now, "detail": INTERRUPTED}
        async with self._database.connection(SECONDS) as connection:
            return (await connection.execute(query("interrupt_remediations"), parameters)).rowcount

    async def attempts(self, since: datetime | None, limit: int) -> list[Attempt]:
        """Attempts since a moment and those that run, the newest first."""
        async with self._database.connection(SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(Attempt))
            await rows.execute(query("list_remediations"), {"since": since, "limit": limit})
            return await rows.fetchall()

    async def begin(self, remedy: Remedy, alert: Alert, owner: str, now: datetime, until: datetime) -> Attempt | None:
        """Record an attempt and its entry in the action ledger; None while any other runs, whoever runs it."""
        parameters = {
            "remedy": remedy.name,
            "fingerprint": alert.fingerprint,
            "alert": alert.name,
            "incident": alert.incident,
            "deed": remedy.deed,
            "now": now,
            "owner": owner,
            "until": until,
        }
        async with self._database.transaction(SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(Attempt))
            await rows.execute(query("begin_remediation"), parameters)
            attempt = await rows.fetchone()
            if attempt is not None:
                subject = f"{remedy.name} for {alert.name} {alert.fingerprint}"
                entry = Action(0, KIND, ACTOR, subject, remedy.deed, now, None, "running")
                action = await add_action(connection, entry)
                await connection.execute(query("note_remediation_action"), {"id": attempt.id, "action_id": action.id})
        return attempt

    async def finish(self, attempt: Attempt, outcome: Outcome, detail: str, at: datetime) -> None:
        """Record how it ended, in the action ledger, too."""
        parameters = {"id": attempt.id, "outcome": outcome, "detail": detail, "at": at}
        async with self._database.connection(SECONDS) as connection:
            await connection.execute(query("finish_remediation"), parameters)
