"""Kept SLA reports in PostgreSQL."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime

from psycopg.rows import class_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.outbox import add_delivery
from controlplane.adapters.store.queries import query
from controlplane.domain.notification.delivery import NewDelivery
from controlplane.domain.slo.kept_report import KeptKind, KeptReport

REPORT_SECONDS = 10.0
Sending = tuple[str, str]


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

    async def sendings(self) -> dict[Sending, datetime]:
        """When which report was put into the outbox for whom."""
        async with self._database.connection(REPORT_SECONDS) as connection:
            cursor = await connection.execute(query("list_report_sendings"))
            return {(report_id, receiver): sent_at for report_id, receiver, sent_at in await cursor.fetchall()}

    async def send(self, report_id: str, delivery: NewDelivery, now: datetime, again: bool) -> bool:
        """Put a message into the outbox and note it, both or neither; False when it was sent before."""
        values = {"report_id": report_id, "receiver": delivery.receiver, "sent_at": now, "again": again}
        async with self._database.transaction(REPORT_SECONDS) as connection:
            cursor = await connection.execute(query("note_report_sending"), values)
            if await cursor.fetchone() is None:
                return False
            await add_delivery(connection, delivery)
        return True

    async def delete_ended_before(self, kind: KeptKind, moment: datetime) -> int:
        """Delete reports of periods that ended before a moment; returns how many."""
        async with self._database.connection(REPORT_SECONDS) as connection:
            cursor = await connection.execute(query("delete_slo_reports"), {"kind": kind, "before": moment})
            return cursor.rowcount
