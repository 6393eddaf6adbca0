"""Check results in PostgreSQL."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.check import CheckResult, CheckState

CHECKS_SECONDS = 5.0


class PostgresCheckStore:
    """Implements CheckStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_results(self, results: Sequence[CheckResult]) -> None:
        """Add results to the history and remember the latest of each check."""
        rows = [_row(result) for result in results]
        async with self._database.transaction(CHECKS_SECONDS) as connection:
            cursor = connection.cursor()
            await cursor.executemany(query("save_check_result"), rows)
            await cursor.executemany(query("save_check_state"), rows)

    async def latest_results(self) -> list[CheckResult]:
        """The latest result of each check, by name."""
        return await self._read("latest_check_results", {})

    async def history(self, name: str, since: datetime) -> list[CheckResult]:
        """Results of one check since a moment, oldest first."""
        return await self._read("check_history", {"name": name, "since": since})

    async def delete_before(self, moment: datetime) -> int:
        """Delete results from before a moment; returns how many."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(query("delete_check_results"), {"before": moment})
            await connection.execute(query("delete_check_states"), {"before": moment})
            return cursor.rowcount

    async def _read(self, name: str, parameters: Mapping[str, Any]) -> list[CheckResult]:
        async with self._database.connection(CHECKS_SECONDS) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query(name), parameters)
            return [_result(row) for row in await cursor.fetchall()]


def _row(result: CheckResult) -> dict[str, Any]:
    return {**dataclasses.asdict(result), "state": int(result.state), "raw_state": int(result.raw_state)}


def _result(row: Mapping[str, Any]) -> CheckResult:
    states = {"state": CheckState(row["state"]), "raw_state": CheckState(row["raw_state"])}
    return CheckResult(**{**row, **states})
