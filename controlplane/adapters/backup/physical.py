"""PostgreSQL's physical backups, with pg_basebackup; full or incremental, in the plain format.

The plain format is what pg_combinebackup and a start can work with as it is.
"""

import json
import os
import re
import subprocess  # PostgreSQL's own programs, with arguments of ours
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from controlplane.adapters.backup.background import stand_back
from controlplane.adapters.backup.files import files_below, release_zeros, told
from controlplane.adapters.backup.hashes import HashCache
from controlplane.adapters.backup.server import BackupServer
from controlplane.domain.backup.wal import Segment
from controlplane.errors import CmctlError

BACKUP_MANIFEST = "backup_manifest"
_PROGRESS = re.compile(r"(\d+)/(\d+) kB")
_STOP_SECONDS = 10
Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class PhysicalBackups:
    """Takes base backups of ``server`` with the programs in ``programs``; ``max_rate_kb`` a second, None for all.

    ``niceness`` is that of pg_basebackup and, where we may, of the server's processes that work for it.
    """

    server: BackupServer
    programs: Path
    environment: Mapping[str, str]
    max_rate_kb: int | None = None
    niceness: int = 0
    hashes: HashCache = field(default_factory=HashCache)

    def take(self, target: Path, parent: Path | None, advance: Advance) -> dict[str, str | int | float | None]:
        """Write a base backup into the new folder ``target`` and return what it is.

        ``parent`` is the folder of the backup to build on. ``advance`` gets the bytes done and the bytes expected.
        Raises CmctlError with the last line of pg_basebackup.
        """
        command = [
            str(self.programs / "pg_basebackup"),
            f"--pgdata={target}",
            "--format=plain",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--manifest-checksums=CRC32C",  # which costs the server next to nothing; SHA-256 halves its speed
            "--progress",
            "--no-password",
            *([f"--incremental={parent / BACKUP_MANIFEST}"] if parent else []),
            *([f"--max-rate={self.max_rate_kb}"] if self.max_rate_kb else []),
        ]
        with self.hashes.ahead(target):
            self._run(command, advance)
        with told("written"):
            for path in files_below(target / "pg_wal"):
                if Segment.parse(path.name):
                    release_zeros(path)
        require_what_was_sent(target, self.hashes)
        details = read_details(target)
        # Only PostgreSQL 17 and later write it into the backup's own manifest.
        return {
            **details,
            "system_identifier": details["system_identifier"] or self.server.identity().system_identifier,
        }

    def _server_stands_back(self, name: str) -> bool:
        """Whether the server's processes for the connections of this name were found; they may be another user's."""
        try:
            found = [psutil.Process(pid) for pid in self.server.processes(name)]
            for process in found:
                if process.name() == "postgres":  # a server that is elsewhere has other numbers
                    stand_back(process, self.niceness)
        except (CmctlError, psutil.Error):  # what is wrong will be told by the backup itself
            return False
        return bool(found)

    def _run(self, command: list[str], advance: Advance) -> None:
        name = f"cmctl backup create {os.getpid()}"
        environment = {**self.environment, **self.server.environment(), "PGAPPNAME": name, "LC_ALL": "C"}
        reason = last = ""
        with subprocess.Popen(
            command,
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # which can stand back as a whole, and is ended by us
        ) as process:
            try:
                stand_back(psutil.Process(process.pid), self.niceness)
                is_behind = False
                for line in process.stderr or ():
                    is_behind = is_behind or self._server_stands_back(name)
                    if match := _PROGRESS.search(line):
                        advance(int(match[1]) * 1024, int(match[2]) * 1024)
                    elif line.strip():
                        last = line.strip()
                        # What follows the error is how pg_basebackup cleans up after it.
                        reason = reason or (last if "error:" in last else "")
            except BaseException:
                _end(process)
                raise
        if process.returncode != 0:
            raise CmctlError(f"the physical backup failed: {reason or last or f'exit code {process.returncode}'}")


def require_what_was_sent(folder: Path, hashes: HashCache) -> None:
    """What is on disk is what the server read, by the checksums that it sent. Raises CmctlError."""
    sent = sent_files(folder)
    with told("read"):
        found = hashes.all([folder / name for name in sent])
    for (name, (size, checksum)), file in zip(sent.items(), found, strict=True):
        if (file.size_bytes, file.crc32c) != (size, checksum):
            raise CmctlError(f"{folder / name} is not what PostgreSQL sent", hint="is this disk, or memory, sound?")


def sent_files(folder: Path) -> dict[str, tuple[int, str]]:
    """Size and CRC-32C of each file by name, from the backup's own backup_manifest. Raises CmctlError."""
    try:
        content = json.loads((folder / BACKUP_MANIFEST).read_text(encoding="utf-8"))
        return {file_name(file): (int(file["Size"]), str(file["Checksum"])) for file in content["Files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CmctlError(f"{folder / BACKUP_MANIFEST}: not a whole manifest of PostgreSQL ({error})") from error


def file_name(file: Mapping[str, Any]) -> str:
    """Path of a file in PostgreSQL's manifest, which may be encoded."""
    return str(file["Path"]) if "Path" in file else bytes.fromhex(file["Encoded-Path"]).decode(errors="surrogateescape")


def read_details(folder: Path) -> dict[str, str | int | float | None]:
    """What the backup in a folder is, from its own backup_manifest. Raises CmctlError."""
    try:
        content: dict[str, Any] = json.loads((folder / BACKUP_MANIFEST).read_text(encoding="utf-8"))
        ranges = content["WAL-Ranges"]
        return {
            "system_identifier": str(content.get("System-Identifier", "")),
            "timeline": int(ranges[-1]["Timeline"]),
            "start_lsn": str(ranges[0]["Start-LSN"]),
            "end_lsn": str(ranges[-1]["End-LSN"]),
        }
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise CmctlError(f"{folder / BACKUP_MANIFEST}: not a whole manifest of PostgreSQL ({error})") from error


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
