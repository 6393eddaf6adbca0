"""Composition root for reading kept SLA reports. Apart from ``reports.py``, so that nothing that draws is loaded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.slo_reports import PostgresReportStore
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.slo.kept_report import KeptReport
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


async def kept_entries(settings: Settings) -> list[KeptReport]:
    """Every kept report. Raises DependencyUnreachable."""
    async with report_store(settings) as store:
        return await store.entries()


async def kept_file(settings: Settings, report_id: str, name: str) -> bytes | None:
    """A file of a kept report. Raises DependencyUnreachable."""
    async with report_store(settings) as store:
        return await store.file(report_id, name)
