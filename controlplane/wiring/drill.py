"""Composition root of ``cmctl backup drill``."""

import asyncio
import json
import logging
import os
import secrets
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from controlplane.adapters.backup.catalogue import Catalogue
from controlplane.adapters.backup.production import ProductionServer
from controlplane.adapters.backup.recovery import Recovery
from controlplane.adapters.backup.restore_sets import RestoreSets
from controlplane.adapters.backup.scratch import DrillFolder
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.adapters.backup.workshop import RestoreWorkshop
from controlplane.adapters.data_directory import DataDirectory, write_atomically
from controlplane.adapters.embedded_postgresql import SUPERUSER
from controlplane.adapters.processes import stack_environment
from controlplane.config.load import Locations
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.backup.drill import ACTION_KIND, DrillReport
from controlplane.errors import CmctlError
from controlplane.services.backup.create import CONTROLPLANE_TABLES, MEMORY_TABLES
from controlplane.services.backup.drill import Drill
from controlplane.services.backup.ports import Progress
from controlplane.services.planned_work import Working
from controlplane.services.rendering import embedding_settings
from controlplane.wiring.backup import backup_server, drill_records
from controlplane.wiring.backup_place import backup_place
from controlplane.wiring.planned_work import planned_work

_TOKEN = "token"  # noqa: S105 - the name of a file
# Beside production, whatever ALTER SYSTEM said there: nothing is archived, replicated or run by an extension, and
# nothing is left in the machine's shared memory by a drill that is killed.
_BESIDE = (
    "archive_mode=off",
    "max_logical_replication_workers=0",
    "shared_preload_libraries=",
    "dynamic_shared_memory_type=mmap",
    "huge_pages=off",
    "jit=off",
    "ssl=off",
)
logger = logging.getLogger(__name__)


def drill(settings: Settings, locations: Locations, progress: Progress) -> Drill:
    """Restores the newest set beside production. Raises Refused on a host without PostgreSQL, CmctlError.

    On a deployed host everything runs as the control plane's user, who can read the sets and not production's data.
    """
    layout, place = DataLayout(settings.data_dir), backup_place(settings, locations)
    is_embedded = settings.mode == "embedded"
    # Systemd makes the folder that the user of a deployed host may write to.
    folder = layout.drill if is_embedded else layout.drill / "scratch"
    catalogue, archive = Catalogue(settings.backup_directory), WalArchive(settings.backup_directory / "wal")
    # Marked as its own: nothing of it is taken for the stack, and the next drill finds what this one left.
    environment = stack_environment(os.environ, folder)
    password = DataDirectory(layout).read_secret("postgresql_superuser_password") if is_embedded else None
    recovery = Recovery(
        runner=place.runner(folder.parent, progress.note),
        programs=place.programs,
        environment=environment,
        superuser=SUPERUSER,
        superuser_password=password,
        settings=(*_BESIDE, f"shared_buffers={settings.postgresql.shared_buffers_mb}MB"),
    )
    tables = {
        settings.postgresql.memory_database: MEMORY_TABLES,
        settings.postgresql.controlplane_database: CONTROLPLANE_TABLES,
    }
    workshop = RestoreWorkshop(
        catalogue=catalogue,
        archive=archive,
        recovery=recovery,
        live={},
        staging=folder,
        aside=folder,
        journal_file=folder / "unused",
        tables=tables,
    )
    scratch = DrillFolder(
        folder=folder,
        workshop=workshop,
        recovery=recovery,
        archive=archive,
        tables=tables,
        memory_server=Path(sys.executable).parent / "claude-memory-mcp",
        environment=environment,
        render=lambda socket, port: _memory_server(settings, folder, socket, port),
        memory_database=settings.postgresql.memory_database,
        keep_free=settings.backup.drill.keep_free_percent / 100,
    )
    return Drill(
        sets=RestoreSets(catalogue, archive, place.programs),
        production=ProductionServer(backup_server(settings), tables),
        scratch=scratch,
        keep=lambda report: keep(settings, report),
        clock=lambda: datetime.now(UTC),
    )


def in_ledger(settings: Settings, progress: Progress) -> AbstractContextManager[Working]:
    """The drill as an entry of the action ledger. It takes nothing away, so it is nobody's maintenance."""
    longest = timedelta(seconds=settings.backup.timeout_seconds)
    reason = "proof that backups can be restored"
    return planned_work(settings, ACTION_KIND, "the newest good set", reason, (), longest, progress.note)


def yield_to_others(settings: Settings) -> None:
    """Let everything else go first: this process and what it starts get what is left of processor and disk."""
    process = psutil.Process()
    process.nice(max(process.nice(), settings.backup.drill.niceness))
    process.ionice(psutil.IOPRIO_CLASS_IDLE)


def _memory_server(settings: Settings, folder: Path, socket: Path, port: int) -> str:
    """Its configuration: that of production, but for where everything is. JSON is YAML, too."""
    write_atomically(folder / _TOKEN, secrets.token_hex())
    embeddings: dict[str, Any] = dict(embedding_settings(settings.mcp_server))
    return json.dumps(
        {
            "listen": {"host": "127.0.0.1", "port": port, "token": {"file": str(folder / _TOKEN)}},
            "postgresql": {
                "host": str(socket),
                "database": settings.postgresql.memory_database,
                "user": settings.postgresql.memory_user,
            },
            "vectors": {"kind": "edge", "path": str(folder / "vectors")},
            "embeddings": {"provider": settings.mcp_server.embedding_provider, **embeddings},
        }
    )


def keep(settings: Settings, report: DrillReport) -> None:
    """Make a report durable beside the backups, and bring PostgreSQL up to date when it answers."""
    records = drill_records(settings)
    records.keep(report)
    asyncio.run(_copy(settings, records.reports()))


async def _copy(settings: Settings, reports: list[DrillReport]) -> None:
    from controlplane.adapters.store.database import Database
    from controlplane.adapters.store.drills import PostgresDrills
    from controlplane.wiring.store import database_address

    database = Database(database_address(settings, DataLayout(settings.data_dir)), max_connections=1, migrates=False)
    try:
        await database.connect()
        await PostgresDrills(database).keep(reports)
    except CmctlError as error:
        logger.warning("The drill is not in PostgreSQL yet", extra={"action": "keep_drill", "problem": error.message})
    finally:
        await database.close()
