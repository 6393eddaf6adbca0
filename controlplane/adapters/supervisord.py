"""Start and end the embedded stack's supervisord."""

import os
import stat
import subprocess  # supervisord itself
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from controlplane.adapters.processes import stack_environment
from controlplane.adapters.service_managers.supervisor import SupervisorServiceManager
from controlplane.config.paths import DataLayout
from controlplane.errors import CmctlError

# sockaddr_un.sun_path holds 108 bytes with the final zero; supervisord binds a name with its pid appended.
_SOCKET_PATH_LIMIT = 90
_POLL_SECONDS = 0.05


def choose_socket(layout: DataLayout) -> Path:
    """Path for the socket: in ``run/``, or in a private directory when that is too long for a socket."""
    direct = layout.run / "supervisor.sock"
    if len(os.fsencode(direct)) <= _SOCKET_PATH_LIMIT:
        return direct
    recorded = _recorded(layout)
    if recorded is not None and _is_private(recorded.parent):
        return recorded
    return Path(tempfile.mkdtemp(prefix="claude-memory-", dir="/tmp")) / "supervisor.sock"


def _recorded(layout: DataLayout) -> Path | None:
    try:
        return Path(layout.supervisor_socket_record.read_text(encoding="utf-8").strip())
    except OSError:
        return None


def _is_private(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and status.st_mode & 0o077 == 0


class Supervisord(SupervisorServiceManager):
    """Implements ``Supervision``: a service manager that is also launched and ended here."""

    def __init__(self, layout: DataLayout, components: Sequence[str]) -> None:
        super().__init__(layout.supervisor_socket_record, components)
        self._layout = layout

    def launch(self, timeout_seconds: float = 30) -> None:
        """Start supervisord in the background; it outlives the terminal.

        Raises CmctlError with what it printed when it does not come up.
        """
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._layout.etc / "supervisord.conf")]
        environment = stack_environment(os.environ, self._layout.data_dir)
        result = subprocess.run(
            command,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            umask=0o077,
        )
        deadline = time.monotonic() + timeout_seconds
        while result.returncode == 0 and time.monotonic() < deadline:
            if self.is_running():
                return
            time.sleep(_POLL_SECONDS)
        lines = (result.stdout + result.stderr).strip().splitlines()
        raise CmctlError(
            f"supervisord did not start: {lines[-1] if lines else 'it does not answer'}",
            hint=f"see {self._layout.logs / 'supervisord.log'}",
        )

    def shut_down(self, timeout_seconds: float = 90) -> None:
        """Stop every component and supervisord. Raises CmctlError when it takes too long."""
        process = psutil.Process(self.pid())
        self.shutdown()
        try:
            process.wait(timeout_seconds)
        except psutil.TimeoutExpired as error:
            raise CmctlError(
                f"supervisord (pid {process.pid}) did not stop within {timeout_seconds:g} seconds"
            ) from error
        self.forget()

    def forget(self) -> None:
        """Remove socket, record and pid file of a supervisord that is gone."""
        recorded = _recorded(self._layout)
        if recorded is not None:
            recorded.unlink(missing_ok=True)
            if recorded.parent != self._layout.run and _is_private(recorded.parent):
                recorded.parent.rmdir()
        for name in (self._layout.supervisor_socket_record, self._layout.run / "supervisord.pid"):
            name.unlink(missing_ok=True)
