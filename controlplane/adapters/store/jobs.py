"""The job ledger in PostgreSQL."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import class_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.job import JobRun

LEDGER_SECONDS = 5.0


class PostgresJobLedger:
    """Implements JobLedger. The unique index on running entries is the single-run lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, run: JobRun) -> JobRun | None:
        """Record the start of a run and take the task's lock; None when the task already runs."""
        async with self._database.connection(LEDGER_SECONDS) as connection:
            cursor = await connection.execute(query("begin_job"), dataclasses.asdict(run))
            row = await cursor.fetchone()
        return dataclasses.replace(run, id=row[0]) if row else None

    async def finish(self, run: JobRun) -> None:
        """Record how a run ended."""
        async with self._database.connection(LEDGER_SECONDS) as connection:
            await connection.execute(query("finish_job"), dataclasses.asdict(run))

    async def record(self, runs: Sequence[JobRun]) -> None:
        """Record runs after the fact."""
        async with self._database.transaction() as connection:
            await connection.cursor().executemany(query("record_job"), [dataclasses.asdict(run) for run in runs])

    async def interrupt_running(self, before: datetime, finished_at: datetime) -> int:
        """Mark runs begun before a moment that nobody finished; returns how many."""
        async with self._database.connection(LEDGER_SECONDS) as connection:
            parameters = {"before": before, "finished_at": finished_at}
            cursor = await connection.execute(query("interrupt_jobs"), parameters)
            return cursor.rowcount

    async def last_scheduled(self, task: str, before: datetime) -> datetime | None:
        """Latest time before a moment that the ledger knows for a task."""
        async with self._database.connection(LEDGER_SECONDS) as connection:
            cursor = await connection.execute(query("last_scheduled"), {"task": task, "before": before})
            row = await cursor.fetchone()
        return row[0] if row else None

    async def history(self, task: str | None, limit: int) -> list[JobRun]:
        """Latest runs, newest first."""
        async with self._database.connection(LEDGER_SECONDS) as connection:
            cursor = connection.cursor(row_factory=class_row(JobRun))
            await cursor.execute(query("job_history"), {"task": task, "limit": limit})
            return await cursor.fetchall()

    async def latest(self) -> list[JobRun]:
        """The latest run of each task that was not merely missed."""
        async with self._database.connection(LEDGER_SECONDS) as connection:
            cursor = connection.cursor(row_factory=class_row(JobRun))
            await cursor.execute(query("latest_jobs"))
            return await cursor.fetchall()

    async def last_successes(self, tasks: Sequence[str]) -> dict[str, datetime]:
        """When each of the tasks last succeeded; without those that never did."""
        async with self._database.connection(LEDGER_SECONDS) as connection:
            cursor = await connection.execute(query("last_successes"), {"tasks": list(tasks)})
            return dict(await cursor.fetchall())

    async def delete_before(self, moment: datetime) -> int:
        """Delete entries scheduled before a moment; returns how many."""
        async with self._database.connection() as connection:
            cursor = await connection.execute(query("delete_old_jobs"), {"before": moment})
            return cursor.rowcount
