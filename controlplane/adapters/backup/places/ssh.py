"""Copies on another host, with OpenSSH's sftp in batch mode: an account that may do nothing but sftp is enough.

Names are ours and paths are checked by the configuration, so nothing on a line for sftp needs quoting.
"""

import atexit
import functools
import shutil
import subprocess  # OpenSSH's sftp, with arguments of ours
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.errors import CmctlError, DependencyUnreachable

_CONNECT_SECONDS = 15
_IDLE_SECONDS = 20
_UNREACHABLE = 255


@dataclass(frozen=True)
class SshPlace:
    """Below ``path`` on ``host``; ``max_rate_kbit`` a second, None for all."""

    name: str
    host: str
    path: str
    config_file: Path | None = None
    max_rate_kbit: int | None = None

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Files below a prefix. sftp has no recursive list, but patterns; what is stored is two folders deep."""
        pattern = f"{self.path}/{prefix}" + "/".join(["*"] * (3 - prefix.count("/")))
        found = {}
        for line in self._sftp(f"cd {self.path}", f"-ls -ln {pattern}").splitlines():
            fields = line.split(None, 8)
            if len(fields) == 9 and line.startswith("-") and fields[4].isdecimal():
                found[fields[8].rpartition(f"{self.path}/")[2]] = int(fields[4])
        return found

    def write(self, name: str, content: bytes) -> None:
        """Store under another name first."""
        parts = name.split("/")[:-1]
        folders = [f"-mkdir {self.path}/{'/'.join(parts[: count + 1])}" for count in range(len(parts))]
        target = f"{self.path}/{name}"
        with tempfile.NamedTemporaryFile(prefix="cmctl-copy-") as file:
            file.write(content)
            file.flush()
            self._sftp(f"cd {self.path}", *folders, f"put {file.name} {target}.part", f"rename {target}.part {target}")

    def read(self, name: str) -> bytes:
        """Get back."""
        with tempfile.TemporaryDirectory(prefix="cmctl-copy-") as folder:
            target = Path(folder) / "content"
            self._sftp(f"get {self.path}/{name} {target}")
            return target.read_bytes()

    def delete(self, names: Sequence[str]) -> None:
        """Delete, and the folders that become empty."""
        folders = sorted({name.rpartition("/")[0] for name in names})
        if names:
            removing = [f"-rm {self.path}/{name}" for name in names]
            self._sftp(*removing, *(f"-rmdir {self.path}/{folder}" for folder in folders))

    def _sftp(self, *lines: str) -> str:
        program = shutil.which("sftp")
        if program is None:
            raise DependencyUnreachable(f"{self.name}: sftp is not on PATH", hint="apt-get install openssh-client")
        command = [
            program,
            "-oLogLevel=ERROR",
            "-b-",
            "-oBatchMode=yes",
            f"-oConnectTimeout={_CONNECT_SECONDS}",
            "-oServerAliveInterval=15",
            # One connection for many small commands; it ends by itself.
            "-oControlMaster=auto",
            f"-oControlPath={_connections()}/%C",
            f"-oControlPersist={_IDLE_SECONDS}",
            *(["-F", str(self.config_file)] if self.config_file else []),
            *(["-l", str(self.max_rate_kbit)] if self.max_rate_kbit else []),
            self.host,
        ]
        # The shared connection outlives sftp and would hold pipes open: files do not mind.
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as messages:
            text = "\n".join([*lines, ""])
            done = subprocess.run(command, input=text, stdout=output, stderr=messages, text=True, check=False)
            output.seek(0)
            messages.seek(0)
            if done.returncode == 0:
                return output.read()
            told = [line for line in messages.read().splitlines() if line.strip()]
        told = told or [f"sftp ends with {done.returncode}"]
        if done.returncode == _UNREACHABLE:
            raise DependencyUnreachable(
                f"{self.name}: {self.host} cannot be reached: {told[0]}", hint=f"try: sftp {self.host}"
            )
        raise CmctlError(f"{self.name}: {self.host}: {told[-1]}", hint="does the folder exist, and is there room?")


@functools.cache
def _connections() -> str:
    """Folder of this process's shared connections, which only we may enter; short, as it becomes a socket's path."""
    folder = tempfile.mkdtemp(prefix="cmctl-ssh-", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
