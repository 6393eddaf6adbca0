"""Composition root of ``cmctl backup dump``."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from controlplane.adapters.backup.dump_folder import DumpFolders
from controlplane.adapters.backup.logical import LogicalServer, parse_address, program_major
from controlplane.adapters.embedded_postgresql import BACKUP_ROLE, SUPERUSER
from controlplane.adapters.processes import stack_environment
from controlplane.adapters.toolchain import postgresql_bin
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.errors import Refused
from controlplane.services.backup.dump import Dumper, Loader
from controlplane.wiring.backup import catalogue


def dump_folders(settings: Settings) -> DumpFolders:
    """Where dumps are."""
    return DumpFolders(catalogue(settings))


def dumper(settings: Settings, address: str | None, databases: Sequence[str]) -> Dumper:
    """Dumps this stack's server, or the one at ``address``. Raises UsageProblem, Refused."""
    own = (settings.postgresql.memory_database, settings.postgresql.controlplane_database)
    return Dumper(
        store=dump_folders(settings),
        server=_server(settings, address, BACKUP_ROLE, "postgresql_backup_password"),
        databases=tuple(databases) or own,
        made_by={"cmctl": version("claude-memory-controlplane"), "host": platform.node()},
        clock=lambda: datetime.now(UTC),
    )


def loader(settings: Settings, address: str | None) -> Loader:
    """Loads into this stack's server, or the one at ``address``. Raises UsageProblem, Refused."""
    programs = postgresql_bin()
    server = _server(settings, address, SUPERUSER, "postgresql_superuser_password")
    return Loader(dump_folders(settings), server, program_major(programs))


def _server(settings: Settings, address: str | None, user: str, secret_name: str) -> LogicalServer:
    environment = stack_environment(os.environ, settings.data_dir)
    for name in ("PGPASSFILE", "PGPASSWORD", "HOME"):
        if address is not None and name in os.environ:
            environment[name] = os.environ[name]
    if address is not None:
        return LogicalServer(parse_address(address), lambda: None, postgresql_bin(), environment)
    if settings.mode != "embedded":
        raise Refused(
            f"{settings.data_dir} belongs to a deployed system, whose superuser logs in as its own system user",
            hint="name the server: sudo -u postgres cmctl backup dump --from 'host=/var/run/postgresql'",
        )
    secret: Path = DataLayout(settings.data_dir).secret(secret_name)
    parameters = {"host": settings.postgresql.host, "port": str(settings.port("postgresql")), "user": user}

    def password() -> str:
        return secret.read_text(encoding="utf-8").strip() if secret.exists() else ""

    return LogicalServer(parameters, password, postgresql_bin(), environment)
