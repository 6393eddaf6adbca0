"""The WAL archive: what pg_receivewal streams, in one folder for each life of its replication slot.

``wal/0001`` belongs to the slot ``cmctl_wal_0001``. A slot ends when PostgreSQL gives it up (the archive was away for
longer than ``max_slot_wal_keep_size`` allows) or is restored, which no slot survives. Then a new one starts with the
next folder, so that within one folder there is never a gap, and a restored server never writes over the files of its
former life.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controlplane.adapters.backup.catalogue import write_json
from controlplane.adapters.backup.files import remove_tree, told
from controlplane.adapters.backup.server import SLOT_PREFIX, BackupServer
from controlplane.adapters.unprivileged import Runner
from controlplane.domain.backup.target import Lsn
from controlplane.domain.backup.wal import Segment, unneeded
from controlplane.errors import CmctlError, DependencyUnreachable

logger = logging.getLogger(__name__)

LIFE = "life.json"
_RETRY_SECONDS = 1.0
_ABANDONED = "abandoned-"
_FORGET_OTHERS = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
_SLOTS = (
    "SELECT slot_name, coalesce(wal_status, 'lost') FROM pg_replication_slots"
    " WHERE starts_with(slot_name, %s) AND slot_type = 'physical' ORDER BY slot_name"
)


@dataclass(frozen=True)
class WalLife:
    """One folder of the archive: segments without a gap. Times are UTC."""

    folder: Path
    system_identifier: str
    started_at: datetime

    def segments(self) -> list[Segment]:
        """Its WAL files, the growing one included, in the order of the log."""
        found = [segment for path in self.folder.iterdir() if (segment := Segment.parse(path.name))]
        return sorted(found, key=lambda item: (item.number, item.timeline, item.is_partial))

    def newest_at(self) -> datetime | None:
        """When its newest file was last written, None while there is none."""
        times = [path.stat().st_mtime for path in self.folder.iterdir() if Segment.parse(path.name)]
        return datetime.fromtimestamp(max(times), UTC) if times else None


class WalArchive:
    """The archive below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lives(self) -> list[WalLife]:
        """Every folder, the oldest first."""
        found = []
        for path in sorted(self.folder.glob("[0-9]*")):
            try:
                content = json.loads((path / LIFE).read_text(encoding="utf-8"))
                started_at = datetime.fromisoformat(content["started_at"])
                found.append(WalLife(path, str(content["system_identifier"]), started_at))
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.warning(
                    "A folder of the WAL archive is not one", extra={"action": "wal_archive", "problem": str(error)}
                )
        return found

    def end(self, system_identifier: str) -> Lsn | None:
        """How far the archive of a system goes at most, None without one."""
        found = [life.segments() for life in self.lives() if life.system_identifier == system_identifier]
        return max((segments[-1].end for segments in found if segments), default=None)

    def prune(self, needed: Mapping[str, Lsn], is_dry_run: bool) -> list[str]:
        """Delete whole files that end before the position needed of their system; returns their names.

        Of a system without a needed position nothing is deleted, and never what is still growing.
        """
        gone: list[str] = []
        for life in self.lives():
            if life.system_identifier not in needed:
                continue
            whole = [segment for segment in life.segments() if not segment.is_partial]
            for segment in unneeded(whole, needed[life.system_identifier]):
                gone.append(f"{life.folder.name}/{segment.name}")
                if not is_dry_run:
                    with told("deleted"):
                        (life.folder / segment.name).unlink()
        return gone

    def abandon_since(self, moment: datetime) -> list[str]:
        """Set aside the folders begun since then: a history that a rollback ended, which no recovery may follow."""
        begun = [life.folder for life in self.lives() if life.started_at >= moment]
        for folder in begun:
            with told("renamed"):
                folder.rename(folder.with_name(f"{_ABANDONED}{folder.name}"))
        return [folder.name for folder in begun]

    def next_number(self) -> int:
        """Number of a new folder: never one that was there before."""
        names = [path.name.removeprefix(_ABANDONED) for path in self.folder.iterdir()]
        return max((int(name) for name in names if name.isdigit()), default=0) + 1


@dataclass(frozen=True)
class WalReceiver:
    """Becomes pg_receivewal. ``find_runner`` says as whom, once the archive's folder is there."""

    server: BackupServer
    archive: WalArchive
    find_runner: Callable[[], Runner]
    environment: Mapping[str, str]

    def receive(self, say: Callable[[str], None]) -> None:
        """Wait for PostgreSQL, take up or make the slot, and replace this process by pg_receivewal.

        pg_receivewal ends when the connection breaks; the supervisor starts this again, which looks at the slot anew.
        """
        with told("made"):
            self.archive.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            runner = self.find_runner()
            runner.own(self.archive.folder)
        folder = self._wait_for_folder(runner, say)
        command = [
            *runner.prefix,
            str(runner.programs / "pg_receivewal"),
            f"--directory={folder}",
            f"--slot={SLOT_PREFIX}{folder.name}",
            "--synchronous",  # what is received is made durable at once, and the server is told
            "--no-loop",
            "--no-password",
        ]
        os.chdir("/")
        os.execve(command[0], command, {**self.environment, **self.server.environment()})  # noqa: S606

    def _wait_for_folder(self, runner: Runner, say: Callable[[str], None]) -> Path:
        told_why = ""
        while True:
            try:
                return self.current_folder(runner, say)
            except DependencyUnreachable as error:
                if error.message != told_why:
                    say(f"waiting: {error.message}")
                    told_why = error.message
            time.sleep(_RETRY_SECONDS)

    def current_folder(self, runner: Runner, say: Callable[[str], None]) -> Path:
        """Folder of the living slot, or of a new one. Raises DependencyUnreachable, CmctlError."""
        known = {life.folder.name: life for life in self.archive.lives()}
        identity = self.server.identity()
        with self.server.connected() as connection:
            usable: Path | None = None
            for name, status in connection.execute(_SLOTS, (SLOT_PREFIX,)).fetchall():
                life = known.get(name.removeprefix(SLOT_PREFIX))
                if (
                    usable is None
                    and status != "lost"
                    and life
                    and life.system_identifier == identity.system_identifier
                ):
                    usable = life.folder
                    continue
                connection.execute(_FORGET_OTHERS, (name,))
                say(f"the slot {name} was given up ({status}); point-in-time recovery starts anew with the next set")
            if usable is not None:
                return usable
            number = self.archive.next_number()
            folder = self._make_folder(f"{number:04}", identity.system_identifier, runner)
            # Reserved at once: from this moment on the server keeps what the archive has not got yet.
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", (f"{SLOT_PREFIX}{folder.name}",))
            return folder

    def _make_folder(self, name: str, system_identifier: str, runner: Runner) -> Path:
        folder, making = self.archive.folder / name, self.archive.folder / ".making"
        remove_tree(making)  # of an attempt for which there was no room
        with told("made"):
            making.mkdir(mode=0o700)
            started_at = datetime.now(UTC).isoformat()
            write_json(making / LIFE, {"system_identifier": system_identifier, "started_at": started_at})
            runner.own(making / LIFE)
            runner.own(making)
            making.rename(folder)
        return folder


def archive_problem(server: BackupServer) -> str | None:
    """Why WAL is not being archived, None when it is. Raises nothing: no answer is a problem, too."""
    try:
        with server.connected() as connection:
            rows = connection.execute(
                "SELECT active, coalesce(wal_status, 'lost') FROM pg_replication_slots"
                " WHERE starts_with(slot_name, %s)",
                (SLOT_PREFIX,),
            ).fetchall()
    except CmctlError as error:
        return error.message
    if not rows:
        return "there is no replication slot yet"
    if any(active and status != "lost" for active, status in rows):
        return None
    return "nobody receives from the replication slot"
