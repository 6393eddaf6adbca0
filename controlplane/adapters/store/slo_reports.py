"""Kept SLA reports in PostgreSQL."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime

from psycopg.rows import class_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.slo.kept_report import KeptKind, KeptReport

REPORT_SECONDS = 10.0


class PostgresReportStore:
    """Implements ReportStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self) -> list[KeptReport]:
        """Every kept report, the newest period first."""
        async with self._database.connection(REPORT_SECONDS) as connection:
            cursor = connection.cursor(row_factory=class_row(KeptReport))
            await cursor.execute(query("list_slo_reports"))
            return await cursor.fetchall()

    async def save(self, entry: KeptReport, files: Mapping[str, bytes]) -> KeptReport:
        """Keep a report with its files in one transaction."""
        rows = [{"report_id": entry.id, "name": name, "content": content} for name, content in files.items()]
        async with self._database.transaction() as connection:
            cursor = await connection.execute(query("save_slo_report"), dataclasses.asdict(entry))
            row = await cursor.fetchone()
            await connection.execute(query("delete_slo_report_files"), {"report_id": entry.id})
            await connection.cursor().executemany(query("save_slo_report_file"), rows)
        return dataclasses.replace(entry, revision=row[0]) if row else entry

    async def file(self, report_id: str, name: str) -> bytes | None:
        """A file of a kept report, or None."""
        async with self._database.connection(REPORT_SECONDS) as connection:
            cursor = await connection.execute(query("read_slo_report_file"), {"report_id": report_id, "name": name})
            row = await cursor.fetchone()
        return bytes(row[0]) if row else None

    async def delete_ended_before(self, kind: KeptKind, moment: datetime) -> int:
        """Delete reports of periods that ended before a moment; returns how many."""
        async with self._database.connection(REPORT_SECONDS) as connection:
            cursor = await connection.execute(query("delete_slo_reports"), {"kind": kind, "before": moment})
            return cursor.rowcount
