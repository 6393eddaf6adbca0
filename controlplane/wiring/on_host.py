"""Commands that, on a deployed host, have to run as the control plane does."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.errors import Refused

CREDENTIALS = ("postgresql_backup_password", "postgresql_controlplane_password", "mcp_token")
# Of the inventory, such as keys of buckets.
OWN_CREDENTIALS = "credentials"
IDENTITY = "copy_identity"
# What a drill needs besides, and may take; claude-memory-drill@.service has the same, and a test compares them.
DRILL_PROPERTIES = (
    "StateDirectory=claude-memory/drill claude-memory/planned-work",
    "StateDirectoryMode=0700",
    "PrivateIPC=yes",
    "CPUWeight=idle",
    "IOWeight=1",
    "TasksMax=256",
)


def run_drill_as_control_plane(settings: Settings) -> int | None:
    """As ``run_as_control_plane``, with a place of its own and behind everything else."""
    return run_as_control_plane(settings, DRILL_PROPERTIES)


def run_fetch_as_control_plane(settings: Settings, identity: Path | None) -> int | None:
    """As ``run_as_control_plane``; the key, which only root may be able to read, is handed over by systemd."""
    key = () if identity is None else (f"LoadCredential={IDENTITY}:{identity.absolute()}",)
    return run_as_control_plane(settings, key)


def identity_handed_over(identity: Path | None) -> Path | None:
    """Where the key is: what systemd handed over, else the file that was named."""
    handed_over = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / IDENTITY
    return handed_over if identity is not None and handed_over.exists() else identity


def run_as_control_plane(settings: Settings, properties: Sequence[str] = ()) -> int | None:
    """Run this very command again as the control plane's user; its exit code.

    None where this process may go on itself: on an embedded stack, and in a unit of ours, which has its credentials.
    Raises Refused for an ordinary user of a deployed host.
    """
    if settings.mode != "deployed" or "CREDENTIALS_DIRECTORY" in os.environ:
        return None
    if os.getuid() != 0:
        raise Refused("recovery sets belong to the control plane", hint="run it as root, for example with sudo")
    if not settings.backup_directory.is_dir():
        raise Refused(f"{settings.backup_directory} does not exist", hint="run site.yml for this host")
    from controlplane.adapters.service_managers.transient import run_as_service

    folder, layout = settings.backup_directory, DataLayout(settings.data_dir)
    secrets = [layout.secrets / name for name in CREDENTIALS]
    secrets += [layout.etc / OWN_CREDENTIALS / name for name in _copy_credentials(settings)]
    places = [f"ReadWritePaths=-{item.directory}" for item in settings.backup.copies if item.directory]
    existing = [path for path in secrets if path.exists()]
    return run_as_service(sys.argv[1:], folder.stat().st_uid, existing, folder, [*properties, *places])


def _copy_credentials(settings: Settings) -> list[str]:
    keys = [item.s3.secret_access_key for item in settings.backup.copies if item.s3]
    return [key.credential for key in keys if key and key.credential]
