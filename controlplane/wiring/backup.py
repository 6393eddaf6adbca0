"""Composition root of ``cmctl backup`` and of the task that makes sets on schedule."""

import asyncio
import logging
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from controlplane.config.load import Locations
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.backup.limits import BackupLimits
from controlplane.domain.job import JobOutcome, JobRun
from controlplane.errors import CmctlError, DependencyUnreachable

if TYPE_CHECKING:
    from controlplane.adapters.backup.catalogue import Catalogue
    from controlplane.adapters.backup.drill_records import DrillRecords
    from controlplane.adapters.backup.server import BackupServer
    from controlplane.adapters.backup.view import BackupFiles
    from controlplane.adapters.backup.wal_archive import WalReceiver
    from controlplane.config.retention import Retention
    from controlplane.domain.backup.retention import RetentionPolicy
    from controlplane.services.backup.create import BackupMaker
    from controlplane.services.backup.prune import Pruner
    from controlplane.services.backup.verify import Verifier

logger = logging.getLogger(__name__)


def catalogue(settings: Settings) -> "Catalogue":
    """The recovery sets of this configuration."""
    from controlplane.adapters.backup.catalogue import Catalogue

    return Catalogue(settings.backup_directory)


def backup_server(settings: Settings) -> "BackupServer":
    """PostgreSQL as backups see it."""
    from controlplane.adapters.backup.server import BackupServer
    from controlplane.adapters.embedded_postgresql import BACKUP_ROLE

    secret = DataLayout(settings.data_dir).secret("postgresql_backup_password")

    def password() -> str:
        return secret.read_text(encoding="utf-8").strip() if secret.exists() else ""

    return BackupServer(settings.postgresql.host, settings.port("postgresql"), BACKUP_ROLE, password)


def backup_maker(settings: Settings, locations: Locations) -> "BackupMaker":
    """Makes sets. Raises Refused on a host without PostgreSQL."""
    from controlplane.adapters.backup.catalogue import Catalogue
    from controlplane.adapters.backup.configuration import ConfigurationCopies
    from controlplane.adapters.backup.hashes import HashCache
    from controlplane.adapters.backup.physical import PhysicalBackups
    from controlplane.adapters.backup.vectors import VectorSnapshots
    from controlplane.adapters.processes import stack_environment
    from controlplane.services.backup.create import BackupMaker
    from controlplane.wiring.backup_place import backup_place

    layout, server, folder = DataLayout(settings.data_dir), backup_server(settings), settings.backup_directory
    place, rate = backup_place(settings, locations), settings.backup.max_rate_mb
    environment, hashes = stack_environment(os.environ, settings.data_dir), HashCache()
    return BackupMaker(
        store=Catalogue(folder, hashes),
        source=server,
        physical=PhysicalBackups(
            server, place.programs, environment, rate * 1024 if rate else None, settings.backup.niceness
        ),
        vectors=VectorSnapshots(Path(sys.executable).parent / "claude-memory-mcp", layout.etc / "mcp.yml"),
        configuration=ConfigurationCopies(place.configuration),
        databases=(settings.postgresql.memory_database, settings.postgresql.controlplane_database),
        full_every=timedelta(days=settings.backup.full_every_days),
        made_by={
            "cmctl": version("claude-memory-controlplane"),
            "python": platform.python_version(),
            "host": platform.node(),
            "vectors": settings.vectors.kind,
        },
        clock=lambda: datetime.now(UTC),
        free_bytes=lambda: shutil.disk_usage(folder).free,
    )


def stand_back(settings: Settings) -> None:
    """Let this process, which makes a set, go behind everything else."""
    import psutil

    from controlplane.adapters.backup import background

    background.stand_back(psutil.Process(), settings.backup.niceness)


def wal_receiver(settings: Settings, locations: Locations, say: Callable[[str], None]) -> "WalReceiver":
    """Streams WAL into the archive. Raises Refused on a host without PostgreSQL."""
    from controlplane.adapters.backup.wal_archive import WalArchive, WalReceiver
    from controlplane.adapters.processes import stack_environment
    from controlplane.wiring.backup_place import backup_place

    place = backup_place(settings, locations)
    catalogue(settings).create()
    archive = WalArchive(settings.backup_directory / "wal")
    return WalReceiver(
        server=backup_server(settings),
        archive=archive,
        find_runner=partial(place.runner, settings.backup_directory, say),
        environment=stack_environment(os.environ, settings.data_dir),
    )


def makes_backups(settings: Settings) -> bool:
    """Whether this control plane can make recovery sets: PostgreSQL is on its host."""
    return settings.mode == "embedded" or settings.postgresql.installed is not None


def backup_files(settings: Settings) -> "BackupFiles":
    """What is in the backup directory."""
    from controlplane.adapters.backup.view import BackupFiles
    from controlplane.adapters.backup.wal_archive import WalArchive

    places = [place.name for place in settings.backup.copies]
    return BackupFiles(catalogue(settings), WalArchive(settings.backup_directory / "wal"), places)


def drill_records(settings: Settings) -> "DrillRecords":
    """The drills that were made."""
    from controlplane.adapters.backup.drill_records import DrillRecords

    return DrillRecords(catalogue(settings))


def backup_limits(settings: Settings) -> BackupLimits:
    """How old sets and drills may become, and what they may cost."""
    backup, drill = settings.backup, settings.backup.drill
    return BackupLimits(
        timedelta(hours=backup.max_age_hours),
        timedelta(days=drill.max_age_days),
        drill.rpo_objective_seconds,
        drill.rto_objective_seconds,
    )


@dataclass
class LedgerEntry:
    """What the ledger will say of a run."""

    detail: str = ""


@contextmanager
def recorded(settings: Settings, task: str, is_wanted: bool) -> Iterator[LedgerEntry]:
    """Write how the work inside went into the job ledger, as a run that somebody started by hand.

    The entry is written at the end: a killed run must not look as if it went on. Without the ledger's database
    nothing is written, which hinders nobody.
    """
    entry, started_at = LedgerEntry(), datetime.now(UTC)
    outcome: JobOutcome = "interrupted"
    try:
        yield entry
        outcome = "succeeded"
    except CmctlError as error:
        outcome, entry.detail = "failed", error.message
        is_wanted = is_wanted and not isinstance(error, DependencyUnreachable)  # probably the ledger's database
        raise
    finally:
        if is_wanted:
            run = JobRun(0, task, started_at, started_at, datetime.now(UTC), outcome, entry.detail, "manual")
            asyncio.run(_record(settings, run))


async def _record(settings: Settings, run: JobRun) -> None:
    from controlplane.adapters.store.database import Database
    from controlplane.adapters.store.jobs import PostgresJobLedger
    from controlplane.wiring.store import database_address

    database = Database(database_address(settings, DataLayout(settings.data_dir)), max_connections=1, migrates=False)
    try:
        await database.connect()
        await PostgresJobLedger(database).record([run])
    except CmctlError as error:
        logger.warning("The job ledger was not written", extra={"action": "record_job", "problem": error.message})
    finally:
        await database.close()


def verifier(settings: Settings, locations: Locations) -> "Verifier":
    """Verifies sets. Raises Refused on a host without PostgreSQL."""
    from controlplane.adapters.backup import checks
    from controlplane.adapters.backup.wal_archive import WalArchive
    from controlplane.adapters.processes import stack_environment
    from controlplane.services.backup.verify import Verifier
    from controlplane.wiring.backup_place import backup_place

    return Verifier(
        store=catalogue(settings),
        checks=(
            checks.hashes,
            checks.PostgresqlCheck(
                backup_place(settings, locations).programs, stack_environment(os.environ, settings.data_dir)
            ),
            checks.WalCheck(WalArchive(settings.backup_directory / "wal")),
            checks.VectorsCheck(Path(sys.executable).parent / "claude-memory-mcp"),
        ),
        again_after=timedelta(days=settings.backup.verify_again_days),
        clock=lambda: datetime.now(UTC),
    )


def pruner(settings: Settings) -> "Pruner":
    """Deletes what the configured policy wants no longer."""
    from controlplane.adapters.backup.wal_archive import WalArchive
    from controlplane.services.backup.prune import Pruner

    store = catalogue(settings)
    store.create()
    archive = WalArchive(settings.backup_directory / "wal")
    return Pruner(store, archive, retention_policy(settings.backup.retention), lambda: datetime.now(UTC))


def retention_policy(wanted: "Retention") -> "RetentionPolicy":
    """The configured policy."""
    from controlplane.domain.backup.retention import RetentionPolicy

    return RetentionPolicy(
        last=wanted.last,
        within=timedelta(days=wanted.within_days),
        daily=wanted.daily,
        weekly=wanted.weekly,
        monthly=wanted.monthly,
        yearly=wanted.yearly,
    )
