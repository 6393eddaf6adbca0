"""Acknowledgements in PostgreSQL, with their entry in the action ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from controlplane.adapters.store.actions import add_action
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.action import Action
from controlplane.domain.alert import Alert
from controlplane.services.acknowledge import NotedAlert

ACK_SECONDS = 5.0


class PostgresAcks:
    """Implements AckStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acknowledge(
        self, fingerprint: str, author: str, note: str, at: datetime, until: datetime
    ) -> Alert | None:
        """Note who has taken the firing alert on; None when none fires."""
        detail = f"until {until:%Y-%m-%d %H:%M:%SZ}" + (f": {note}" if note else "")
        action = Action(0, "acknowledge", author, fingerprint, detail, at, at, "succeeded")
        parameters = {"fingerprint": fingerprint, "author": author, "note": note, "at": at, "until": until}
        return await self._change("acknowledge", parameters, action)

    async def unacknowledge(self, fingerprint: str, author: str, at: datetime) -> Alert | None:
        """Withdraw what is acknowledged; None when nothing is."""
        action = Action(0, "unacknowledge", author, fingerprint, "", at, at, "succeeded")
        return await self._change("unacknowledge", {"fingerprint": fingerprint, "at": at}, action)

    async def noted(self, limit: int) -> list[NotedAlert]:
        """What people did about the alerts that fire, the newest starts first."""
        async with self._database.connection(ACK_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(NotedAlert))
            await rows.execute(query("noted_alerts"), {"limit": limit})
            return await rows.fetchall()

    async def _change(self, name: str, parameters: Mapping[str, Any], action: Action) -> Alert | None:
        async with self._database.transaction(ACK_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(Alert))
            await rows.execute(query(name), parameters)
            alert = await rows.fetchone()
            if alert is not None:
                await add_action(connection, action)
        return alert
