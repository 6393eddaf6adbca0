"""Maintenance in PostgreSQL."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from controlplane.adapters.store.actions import add_action
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.action import Action
from controlplane.domain.maintenance import Maintenance
from controlplane.domain.slo.selector import Matcher
from controlplane.services.maintenance import WorkEnding

MAINTENANCE_SECONDS = 5.0


class PostgresMaintenanceStore:
    """Implements MaintenanceStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, maintenance: Maintenance, actions: Sequence[Action]) -> Maintenance:
        """Store an entry and its actions, once for each key."""
        async with self._database.transaction(MAINTENANCE_SECONDS) as connection:
            cursor = await connection.execute(query("add_maintenance"), _row(maintenance))
            row = await cursor.fetchone()
            if row is not None:
                for action in actions:
                    await add_action(connection, action)
            (stored,) = await _read(connection, key=maintenance.key)
        return stored

    async def end(self, maintenance: Maintenance, action: Action, ending: WorkEnding) -> bool:
        """Store the end and its action, unless it was ended meanwhile; the work that opened it ends, too."""
        async with self._database.transaction(MAINTENANCE_SECONDS) as connection:
            cursor = await connection.execute(query("end_maintenance"), _row(maintenance))
            if cursor.rowcount != 1:
                return False
            await add_action(connection, action)
            await connection.execute(query("finish_work"), {**_row(maintenance), **dataclasses.asdict(ending)})
        return True

    async def settle(self, maintenance: Maintenance | None, action: Action) -> None:
        """Make the store agree with what is known of a work that is over, whatever of it the store has seen."""
        async with self._database.transaction(MAINTENANCE_SECONDS) as connection:
            if maintenance is not None:
                await connection.execute(query("add_maintenance"), _row(maintenance))
                await connection.execute(query("settle_maintenance"), _row(maintenance))
            await connection.execute(query("settle_action"), dataclasses.asdict(action))

    async def interrupt_lapsed(self, now: datetime, detail: str) -> int:
        """End works whose window ran out without anybody ending it; returns how many."""
        async with self._database.connection(MAINTENANCE_SECONDS) as connection:
            cursor = await connection.execute(query("interrupt_lapsed_work"), {"now": now, "detail": detail})
            return cursor.rowcount

    async def find(self, maintenance_id: int) -> Maintenance | None:
        """One entry."""
        async with self._database.connection(MAINTENANCE_SECONDS) as connection:
            return next(iter(await _read(connection, id=maintenance_id)), None)

    async def all(self) -> list[Maintenance]:
        """Every entry, by start."""
        async with self._database.connection(MAINTENANCE_SECONDS) as connection:
            return await _read(connection)


async def _read(connection: AsyncConnection[Any], **parameters: int | str) -> list[Maintenance]:
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(query("find_maintenance"), {"id": None, "key": None, **parameters})
    return [_maintenance(row) for row in await cursor.fetchall()]


def _row(maintenance: Maintenance) -> dict[str, Any]:
    fields = {field.name: getattr(maintenance, field.name) for field in dataclasses.fields(maintenance)}
    matchers = [dataclasses.astuple(matcher) for matcher in maintenance.matchers]
    return {**fields, "services": list(maintenance.services), "matchers": Jsonb(matchers)}


def _maintenance(row: Mapping[str, Any]) -> Maintenance:
    scope = {"services": tuple(row["services"]), "matchers": tuple(Matcher(*parts) for parts in row["matchers"])}
    return Maintenance(**{**row, **scope})
