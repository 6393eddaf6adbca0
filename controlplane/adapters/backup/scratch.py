"""The place of a drill: a folder and processes of its own, marked as its own, so that the next one finds leftovers."""

import fcntl
import json
import shutil
import subprocess  # PostgreSQL's pg_checksums, with arguments of ours
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane.adapters.backup.catalogue import write_json
from controlplane.adapters.backup.files import remove_tree, told
from controlplane.adapters.backup.instance import RestoredInstance
from controlplane.adapters.backup.memory_server import scratch_memory_server
from controlplane.adapters.backup.recovery import LOG, Recovery, remove_left_socket
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.adapters.backup.workshop import RestoreWorkshop
from controlplane.adapters.processes import end_processes, stack_processes
from controlplane.domain.backup.drill import DrillReport, from_json, to_json
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.target import RecoveryTarget
from controlplane.errors import Refused
from controlplane.services.backup.ports import Progress

_NOTE = "drill.json"
_END_SECONDS = 30.0


@dataclass(frozen=True)
class DrillFolder:
    """``render`` gives the memory server's configuration from the socket folder and a port.

    ``workshop`` prepares in ``folder``. Of the file system, ``keep_free`` (a ratio) stays free.
    """

    folder: Path
    workshop: RestoreWorkshop
    recovery: Recovery
    archive: WalArchive
    tables: Mapping[str, Sequence[str]]
    memory_server: Path
    environment: Mapping[str, str]
    render: Callable[[Path, int], str]
    memory_database: str
    keep_free: float

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One drill at a time; the kernel frees the lock however the process ends."""
        with told("opened"):
            handle = self.folder.with_name(f"{self.folder.name}.lock").open("a", encoding="utf-8")
        with handle:
            try:
                fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused(f"{self.folder}: another drill is at work", hint="try again when it has ended") from error
            yield

    def begin(self, report: DrillReport) -> None:
        """Make the folder and note which drill it is of."""
        with told("made"):
            self.folder.mkdir(mode=0o700)
            write_json(self.folder / _NOTE, to_json(report))

    def interrupted(self) -> DrillReport | None:
        """The drill that was killed, as it began; None when none was, or when it did not come so far."""
        try:
            return from_json(json.loads((self.folder / _NOTE).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def sweep(self) -> list[str]:
        """End and delete what a killed drill left."""
        left = stack_processes(self.folder, self.folder / "postgresql")
        end_processes(left, _END_SECONDS)
        found = [f"{len(left)} processes"] if left else []
        if self.folder.exists():
            found.append(str(self.folder))
            self.clear()
        return found

    def free_bytes(self) -> int:
        """Free space, without what is to stay free."""
        usage = shutil.disk_usage(self.folder.parent)
        return usage.free - int(usage.total * self.keep_free)

    def prepare(self, sets: Sequence[Manifest], progress: Progress) -> None:
        """Write the data of the last set and of those it builds on."""
        self.workshop.prepare(sets, ("postgresql", "vectors"), progress)

    @contextmanager
    def started(self, manifest: Manifest, target: RecoveryTarget) -> Iterator[RestoredInstance]:
        """PostgreSQL, recovered, on a socket of its own, and a memory server on a free port of this machine."""
        system = manifest.details("postgresql").get("system_identifier")
        lives = [life for life in self.archive.lives() if life.system_identifier == system]
        data, log = self.folder / "postgresql", self.folder / LOG
        with self.recovery.recovered(data, target, "latest", lives, log) as socket:
            server = self.recovery.look(socket, self.tables)
            with scratch_memory_server(
                self.memory_server, self.folder, self.environment, lambda port: self.render(socket, port)
            ) as memory_server:
                yield RestoredInstance(
                    server, lambda: self.recovery.connected(socket, self.memory_database), memory_server
                )

    def checksum_problem(self) -> str | None:
        """What pg_checksums finds in the data, which no server has open."""
        runner = self.recovery.runner
        command = [*runner.prefix, str(runner.programs / "pg_checksums"), "--check"]
        done = subprocess.run(
            [*command, f"--pgdata={self.folder / 'postgresql'}"],
            cwd="/",
            env={**self.environment, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return None
        lines = done.stderr.strip().splitlines() or [f"pg_checksums fails with {done.returncode}"]
        return lines[0].removeprefix("pg_checksums: ")

    def clear(self) -> None:
        """Delete everything."""
        remove_left_socket(self.folder)
        remove_tree(self.folder)
