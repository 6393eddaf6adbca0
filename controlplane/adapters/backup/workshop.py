"""The files of a restore in an embedded stack's data directory.

``restoring/<part>`` is prepared beside the data in use; exchanging is two renames a part, after which the former data
are in ``replaced/<restore>/<part>``. ``restore.json`` is the journal.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backports import tarfile

from controlplane.adapters.backup.catalogue import Catalogue, write_json
from controlplane.adapters.backup.files import (
    copy_durably,
    files_below,
    naming,
    remove_tree,
    sync_file,
    sync_folders,
    told,
)
from controlplane.adapters.backup.recovery import LOG, Recovery, remove_left_socket
from controlplane.adapters.backup.vectors import ARCHIVE
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.restoring import RecoveredServer, RestoreJournal, RestorePart
from controlplane.domain.backup.target import RecoveryTarget
from controlplane.errors import CmctlError
from controlplane.services.backup.ports import Progress

_IDENTITY_MEMBER = "snapshot.json"


@dataclass(frozen=True)
class RestoreWorkshop:
    """``live`` maps parts to where their data are in use; ``staging`` and ``aside`` are on the same file system.

    ``require_usable`` looks at a prepared configuration and raises CmctlError when this program cannot run with it.
    ``owner_of_vectors`` is whom they belong to when that is not us.
    """

    catalogue: Catalogue
    archive: WalArchive
    recovery: Recovery
    live: Mapping[RestorePart, Path]
    staging: Path
    aside: Path
    journal_file: Path
    tables: Mapping[str, Sequence[str]]
    require_usable: Callable[[Path], None] = lambda _: None
    owner_of_vectors: tuple[int, int] | None = None

    def free_bytes(self) -> int:
        """Free space where the data go."""
        place = self.staging
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    def clear(self) -> None:
        """Delete what an earlier attempt prepared."""
        remove_left_socket(self.staging)
        remove_tree(self.staging)

    def prepare(self, sets: Sequence[Manifest], parts: Sequence[RestorePart], progress: Progress) -> None:
        """Write the data of the last set, and of those it builds on, into ``staging``."""
        with told("made"):
            self.staging.mkdir(parents=True, exist_ok=True)
            # PostgreSQL's own user must pass through when we are root.
            self.staging.chmod(0o711 if os.getuid() == 0 else 0o700)
        folder = self.catalogue.path(sets[-1].id)
        for part in parts:
            progress.stage(f"preparing {part}")
            if part == "postgresql":
                chain = [self.catalogue.path(item.id) / "postgresql" for item in sets]
                self.recovery.combine(chain, self.staging / part)
            elif part == "vectors":
                self._unpack(folder / "vectors" / ARCHIVE, self.staging / part)
            else:
                self._copy(folder / "configuration" / "etc", self.staging / part)
                self.require_usable(self.staging / part)

    def _unpack(self, archive: Path, target: Path) -> None:
        with told("unpacked"):
            target.mkdir(mode=0o700)
            try:
                with naming(target), tarfile.open(archive) as opened:
                    opened.extractall(target, filter="data")
            except tarfile.TarError as error:
                raise CmctlError(f"{archive}: not a snapshot of vectors: {error}") from error
            (target / _IDENTITY_MEMBER).unlink(missing_ok=True)
            for path in files_below(target):
                sync_file(path)
            if self.owner_of_vectors is not None:
                for path in (target, *target.rglob("*")):
                    os.chown(path, *self.owner_of_vectors)
            sync_folders(target)

    def _copy(self, source: Path, target: Path) -> None:
        with told("copied"):
            target.mkdir(mode=0o700)
            for path in files_below(source):
                copy_durably(path, target / path.relative_to(source))
            sync_folders(target)

    def recover(self, manifest: Manifest, target: RecoveryTarget, timeline: str) -> RecoveredServer:
        """Replay WAL in the prepared data up to the target."""
        system = manifest.details("postgresql").get("system_identifier")
        lives = [life for life in self.archive.lives() if life.system_identifier == system]
        return self.recovery.recover(
            self.staging / "postgresql", target, timeline, lives, self.tables, self.staging / LOG
        )

    def present(self, parts: Sequence[RestorePart]) -> dict[str, bool]:
        """Which parts there are now."""
        return {part: self.live[part].exists() for part in parts}

    def exchange(self, restore_id: str, parts: Sequence[RestorePart]) -> str:
        """Put the prepared data in place, what was there aside. What is already exchanged stays so."""
        with told("exchanged"):
            former = self.aside / restore_id
            former.mkdir(parents=True, exist_ok=True)
            for folder in (self.aside, former):
                folder.chmod(0o700)
            for part in parts:
                staged, live = self.staging / part, self.live[part]
                if not staged.exists():
                    continue
                if live.exists():
                    live.rename(former / part)
                staged.rename(live)
            self._sync()
        return str(former)

    def put_back(self, restore_id: str, parts: Sequence[RestorePart]) -> None:
        """Put what is aside back in place; what was never exchanged is where it was."""
        with told("put back"):
            former = self.aside / restore_id
            for part in parts:
                if (former / part).exists():
                    remove_tree(self.live[part])
                    (former / part).rename(self.live[part])
            remove_tree(former)
            self._sync()

    def _sync(self) -> None:
        for folder in {live.parent for live in self.live.values()} | {self.aside}:
            if folder.exists():
                sync_file(folder)

    def drop(self, restore_id: str) -> None:
        """Delete what is aside."""
        remove_tree(self.aside / restore_id)

    def read_journal(self) -> RestoreJournal | None:
        """The latest restore, None when there was none."""
        return read_journal(self.journal_file)

    def write_journal(self, journal: RestoreJournal | None) -> None:
        """Keep how far it is, durably; None forgets it."""
        with told("written"):
            if journal is None:
                self.journal_file.unlink(missing_ok=True)
            else:
                write_json(self.journal_file, journal.to_json())
            sync_file(self.journal_file.parent)


def read_journal(file: Path) -> RestoreJournal | None:
    """The journal in a file, None without one. Raises CmctlError when it cannot be understood."""
    try:
        return RestoreJournal.from_json(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CmctlError(f"{file}: the journal of a restore cannot be read: {error}") from error
