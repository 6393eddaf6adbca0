"""Composition root of planned work: the daemon's task, and what commands such as ``cmctl restore`` work within."""

import getpass
import os
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from controlplane.adapters.work_records import WorkRecordFolder
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.job import Schedule
from controlplane.domain.payload_text import PayloadProblem
from controlplane.domain.planned_work import PlannedWork
from controlplane.errors import UsageProblem
from controlplane.services.jobs import Task
from controlplane.services.planned_work import Note, WorkDesk, Working, WorkKeeper

if TYPE_CHECKING:
    from controlplane.adapters.store.database import Database

SETTLE_SECONDS = 30


def work_task(layout: DataLayout, database: "Database") -> Task:
    """The daemon's task that tells the database how planned works ended."""
    from controlplane.adapters.store.maintenance import PostgresMaintenanceStore

    keeper = WorkKeeper(WorkRecordFolder(layout.planned_work), PostgresMaintenanceStore(database), _now)
    return Task(
        "planned_work",
        "Enter in the ledger how restores, drills and deploys ended of which nobody could tell it.",
        Schedule(every_seconds=SETTLE_SECONDS),
        keeper.run,
        timeout_seconds=60,
    )


def planned_work(
    settings: Settings,
    kind: str,
    subject: str,
    reason: str,
    services: Sequence[str],
    longest: timedelta,
    note: Note,
    author: str | None = None,
) -> AbstractContextManager[Working]:
    """Do something on purpose that takes services away: in the action ledger as ``kind``, and as their maintenance.

    Use it around the work, outside an event loop. ``services`` are values of the label ``service`` of objectives and
    alerts; without any, only the ledger knows of it. ``longest`` ends the window if nobody does. What cannot be told
    is passed to ``note`` and made up for by the daemon. Raises UsageProblem for an author or text that cannot be shown.
    """
    now = _now()
    work = PlannedWork(
        key=f"{kind}-{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        kind=kind,
        author=author or who(),
        subject=subject,
        reason=reason,
        services=tuple(services),
        opened_at=now,
        longest=longest,
    )
    try:
        work.maintenance()
        work.action()
    except PayloadProblem as problem:
        raise UsageProblem(problem.message) from problem
    return WorkDesk(
        work_records(settings), _Announcer(settings, note).announce, _Settler(settings).settle, _now, note
    ).doing(work)


def work_records(settings: Settings) -> WorkRecordFolder:
    """Where works are recorded beside the database."""
    return WorkRecordFolder(DataLayout(settings.data_dir).planned_work)


def who() -> str:
    """Whoever runs this command."""
    try:
        return os.environ.get("CMCTL_AUTHOR") or os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return f"user {os.getuid()}"


class _Announcer:
    """Tells the daemon, so that alerts are silenced at once; else PostgreSQL."""

    def __init__(self, settings: Settings, note: Note) -> None:
        self._settings = settings
        self._note = note

    async def announce(self, work: PlannedWork) -> None:
        if not work.services:
            await _Settler(self._settings).settle(work)
            return
        from controlplane.wiring.maintenance import MaintenanceDesk

        request = {name: value for name, value in asdict(work.entry()).items() if value is not None}
        await MaintenanceDesk(self._settings, self._note).add({**request, "services": list(work.services)})


class _Settler:
    """Tells PostgreSQL itself; silences follow as the daemon compares.

    At the end of a work also how those before it ended: it may have put another database in place.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._records = work_records(settings)

    async def settle(self, work: PlannedWork) -> None:
        from controlplane.adapters.store.database import Database
        from controlplane.adapters.store.maintenance import PostgresMaintenanceStore
        from controlplane.wiring.store import database_address

        address = database_address(self._settings, DataLayout(self._settings.data_dir))
        database = Database(address, max_connections=1, migrates=False)
        try:
            await database.connect()
            store = PostgresMaintenanceStore(database)
            await store.settle(work.maintenance(), work.action())
            if work.closed_at is not None:
                await WorkKeeper(self._records, store, _now).run()
        finally:
            await database.close()


def _now() -> datetime:
    return datetime.now(UTC)
