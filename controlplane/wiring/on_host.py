"""Commands that, on a deployed host, have to run as the control plane does."""

import os
import sys
from collections.abc import Sequence

from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.errors import Refused

CREDENTIALS = ("postgresql_backup_password", "postgresql_controlplane_password", "mcp_token")
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


def run_as_control_plane(settings: Settings, properties: Sequence[str] = ()) -> int | None:
    """Run this very command again as the control plane's user; its exit code.

    None where this process may go on itself: on an embedded stack, and in a unit of ours, which has its credentials.
    Raises Refused for an ordinary user of a deployed host.
    """
    if settings.mode != "deployed" or "CREDENTIALS_DIRECTORY" in os.environ:
        return None
    if os.getuid() != 0:
        raise Refused("recovery sets belong to the control plane", hint="run it as root, for example with sudo")
    from controlplane.adapters.service_managers.transient import run_as_service

    folder = settings.backup_directory
    if not folder.is_dir():
        raise Refused(f"{folder} does not exist", hint="run site.yml for this host")
    layout = DataLayout(settings.data_dir)
    secrets = [layout.secrets / name for name in CREDENTIALS]
    return run_as_service(
        sys.argv[1:], folder.stat().st_uid, [path for path in secrets if path.exists()], folder, properties
    )
