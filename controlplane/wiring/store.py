"""Where the control plane's database is, from the configuration."""

from pathlib import Path

from controlplane.adapters.store.database import Address
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


def _read(path: Path) -> str:
    """The password, or nothing when there is no file: the server may trust us, or say what is missing."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
