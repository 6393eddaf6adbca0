"""Running our own command on a deployed host as the control plane's user, with its credentials, through systemd."""

import os
import pwd
import subprocess  # systemd-run and systemctl, with arguments of ours
import sys
from collections.abc import Sequence
from pathlib import Path

from controlplane.errors import DependencyUnreachable

_PASSED_ON = ("CMCTL_", "NO_COLOR", "TERM", "COLUMNS", "LINES")


def run_as_service(
    arguments: Sequence[str], owner: int, credentials: Sequence[Path], writable: Path, further: Sequence[str] = ()
) -> int:
    """Run ``cmctl ARGUMENTS`` as the user ``owner`` in a unit of its own; its exit code.

    ``credentials`` are handed over by systemd; only ``writable`` may be written to. ``further`` are properties of the
    unit. Raises DependencyUnreachable.
    """
    unit = f"claude-memory-command-{os.getpid()}"
    properties = [
        f"User={pwd.getpwuid(owner).pw_name}",
        f"Group={_group_of(owner)}",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        f"ReadWritePaths={writable}",
        *(f"LoadCredential={path.name}:{path}" for path in credentials),
        *further,
    ]
    passed_on = [f"--setenv={name}" for name in os.environ if name.startswith(_PASSED_ON)]
    command = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--unit={unit}", *passed_on]
    command += [f"--property={item}" for item in properties]
    try:
        return subprocess.run(
            [*command, str(Path(sys.executable).parent / "cmctl"), *arguments], check=False
        ).returncode
    except FileNotFoundError as error:
        raise DependencyUnreachable("systemd-run is not installed", hint="is this host booted by systemd?") from error
    finally:
        # Interrupted, systemd-run leaves the unit running; ended, there is none to stop.
        subprocess.run(["systemctl", "stop", unit], capture_output=True, check=False)  # noqa: S607


def _group_of(owner: int) -> str:
    import grp

    return grp.getgrgid(pwd.getpwuid(owner).pw_gid).gr_name
