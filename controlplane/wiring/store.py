"""Where the control plane's database is, from the configuration."""

import asyncio
from dataclasses import replace
from pathlib import Path

from controlplane.adapters.store.database import Address, Database
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings


def database_address(settings: Settings, layout: DataLayout) -> Address:
    """Address of the control plane's database; the password is read when a connection is made."""
    postgresql = settings.postgresql
    password_file = postgresql.controlplane_password_file or layout.secret("postgresql_controlplane_password")
    return Address(
        host=postgresql.host,
        port=settings.port("postgresql"),
        database=postgresql.controlplane_database,
        user=postgresql.controlplane_user,
        password=lambda: _read(password_file),
        ca_file=postgresql.ca_file,
    )


def bring_schema_up_to_date(settings: Settings, user: str | None, password_file: Path | None) -> None:
    """Create or update the tables as ``user``, the configured one by default. Raises CmctlError."""
    address = database_address(settings, DataLayout(settings.data_dir))
    if user is not None:
        address = replace(address, user=user, password=lambda: _read(password_file) if password_file else "")
    asyncio.run(_connect_once(Database(address, max_connections=1)))


async def _connect_once(database: Database) -> None:
    try:
        await database.connect()
    finally:
        await database.close()


def _read(path: Path) -> str:
    """The password, or nothing when there is no file: the server may trust us, or say what is missing."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
