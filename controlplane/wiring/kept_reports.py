"""Composition root for reading kept SLA reports. Apart from ``reports.py``, so that nothing that draws is loaded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.slo_reports import PostgresReportStore
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.slo.kept_report import KeptReport
from controlplane.services.slo.report.send import Recipient, ReportSender
from controlplane.wiring.store import database_address


@asynccontextmanager
async def report_store(settings: Settings) -> AsyncIterator[PostgresReportStore]:
    """The store for one command. Raises DependencyUnreachable."""
    address = database_address(settings, DataLayout(settings.data_dir))
    database = Database(address, max_connections=1, migrates=False)
    try:
        await database.connect()
        yield PostgresReportStore(database)
    finally:
        await database.close()


@asynccontextmanager
async def report_sender(settings: Settings) -> AsyncIterator[ReportSender]:
    """Sends kept reports for one command. Raises DependencyUnreachable."""
    receivers = {one.name: one for one in settings.notifications.receivers}
    recipients = [
        Recipient(
            one.receiver,
            tuple(one.kinds),
            one.language or receivers[one.receiver].language,
            receivers[one.receiver].max_bytes,
        )
        for one in settings.reports.send_to
    ]
    async with report_store(settings) as store:
        yield ReportSender(store, recipients, lambda: datetime.now(UTC))


async def kept_entries(settings: Settings) -> list[KeptReport]:
    """Every kept report. Raises DependencyUnreachable."""
    async with report_store(settings) as store:
        return await store.entries()


async def kept_file(settings: Settings, report_id: str, name: str) -> bytes | None:
    """A file of a kept report. Raises DependencyUnreachable."""
    async with report_store(settings) as store:
        return await store.file(report_id, name)
