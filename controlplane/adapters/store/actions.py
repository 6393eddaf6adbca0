"""The action ledger in PostgreSQL."""

import dataclasses
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.action import Action
from controlplane.services.actions import ActionFilter

ACTIONS_SECONDS = 5.0


class PostgresActionLedger:
    """Implements ActionLedger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, action: Action) -> Action:
        """Store an entry and return it with its id."""
        async with self._database.connection(ACTIONS_SECONDS) as connection:
            return await add_action(connection, action)

    async def finish(self, action: Action) -> None:
        """Store how an entry ended."""
        async with self._database.connection(ACTIONS_SECONDS) as connection:
            await connection.execute(query("finish_action"), dataclasses.asdict(action))

    async def list_actions(self, wanted: ActionFilter) -> list[Action]:
        """Entries that began or ended in time, newest first."""
        async with self._database.connection(ACTIONS_SECONDS) as connection:
            cursor = connection.cursor(row_factory=class_row(Action))
            await cursor.execute(query("list_actions"), dataclasses.asdict(wanted))
            return await cursor.fetchall()


async def add_action(connection: AsyncConnection[Any], action: Action) -> Action:
    """Store an entry on a connection, so that it shares the transaction of what it tells about."""
    cursor = await connection.execute(query("add_action"), dataclasses.asdict(action))
    row = await cursor.fetchone()
    return dataclasses.replace(action, id=row[0]) if row else action
