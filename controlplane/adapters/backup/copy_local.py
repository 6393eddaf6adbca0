"""This host's side of copying: its sets, their files, its WAL archive."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controlplane.adapters.backup import checks
from controlplane.adapters.backup.catalogue import MANIFEST, SEAL, Catalogue
from controlplane.adapters.backup.files import files_below, hashed, naming, remove_tree, sync_file, sync_folders, told
from controlplane.adapters.backup.wal_archive import LIFE, WalArchive
from controlplane.domain.backup.copy import Slice
from controlplane.domain.backup.manifest import Manifest, from_json
from controlplane.domain.backup.wal import Segment
from controlplane.errors import CmctlError
from controlplane.services.backup.ports import Progress

_HISTORY = re.compile(r"[0-9A-F]{8}\.history")


@dataclass(frozen=True)
class CopySets:
    """The sets in ``catalogue``."""

    catalogue: Catalogue
    progress: Progress

    def create(self) -> None:
        """Make the folders."""
        self.catalogue.create()

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One that makes or deletes sets at a time."""
        return self.catalogue.locked(purpose)

    def copying(self, purpose: str) -> AbstractContextManager[None]:
        """One that copies at a time."""
        return self.catalogue.locked(purpose, "copying.lock")

    def good(self) -> list[Manifest]:
        """Complete sets that no verification found wrong, newest first."""
        return self.catalogue.good()

    def complete(self) -> list[Manifest]:
        """Complete sets, newest first."""
        return self.catalogue.complete()

    def path(self, set_id: str) -> Path:
        """Folder of a set."""
        return self.catalogue.path(set_id)

    def record(self, event: str, moment: datetime, details: Mapping[str, Any]) -> None:
        """Append to the history."""
        self.catalogue.record(event, moment, details)

    def receive(self, set_id: str) -> Path:
        """A new folder for a set that comes back; a backup sweeps it when this is killed."""
        work = self.catalogue.partial(set_id)
        remove_tree(work)
        with told("made"):
            work.mkdir(mode=0o700)
        return work

    def accept(self, work: Path, set_id: str) -> Manifest:
        """Compare every file with the manifest, make it durable, and give it its name."""
        try:
            if json.loads((work / SEAL).read_text(encoding="utf-8")) != hashed(work / MANIFEST)[1]:
                raise ValueError(f"it does not match {SEAL}")
            manifest = from_json(json.loads((work / MANIFEST).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise CmctlError(f"the copy of {set_id} holds no whole manifest: {error}") from error
        problems, _ = checks.hashes(work, manifest, self.progress)
        if problems or manifest.id != set_id:
            raise CmctlError(f"the copy of {set_id} is not that set: {[*problems, manifest.id][0]}")
        with told("written"):
            for path in files_below(work):
                sync_file(path)
            sync_folders(work)
            work.rename(self.catalogue.path(set_id))
            sync_file(self.catalogue.sets_folder)
        return manifest

    def discard(self, work: Path) -> None:
        """Delete a folder in the making."""
        self.catalogue.discard(work)


class CopyFiles:
    """Slices of the files of a set."""

    def folders(self, folder: Path) -> Sequence[str]:
        """Every folder below, relative to it, parents first."""
        with told("read"):
            return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir())

    def make(self, folder: Path, names: Sequence[str]) -> None:
        """Make folders below."""
        with told("made"):
            for name in names:
                (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def read(self, folder: Path, slices: Sequence[Slice]) -> bytes:
        """The slices of a volume one behind the other. Raises CmctlError for a file that has become shorter."""
        content = bytearray()
        for item in slices:
            with told("read"), (folder / item.path).open("rb") as file:
                file.seek(item.offset)
                part = file.read(item.length)
            if len(part) != item.length:
                raise CmctlError(f"{folder / item.path} is shorter than the manifest says", hint="cmctl backup verify")
            content += part
        return bytes(content)

    def write(self, folder: Path, slices: Sequence[Slice], content: bytes) -> None:
        """Put the slices of a volume where they belong."""
        begin = 0
        for item in slices:
            target = folder / item.path
            with told("written"):
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with naming(target), target.open("r+b" if item.offset else "wb") as file:
                    file.seek(item.offset)
                    file.write(content[begin : begin + item.length])
                target.chmod(0o600)
            begin += item.length
        if begin != len(content):
            raise CmctlError(f"a volume has {len(content)} bytes instead of {begin}")


@dataclass(frozen=True)
class CopyWal:
    """The archive's whole files. ``own`` gives what comes back to the account that PostgreSQL runs as."""

    archive: WalArchive
    own: Callable[[Path], None] = lambda path: None

    def finished(self) -> Sequence[str]:
        """Whole segments, histories of timelines, and what tells whose they are, as LIFE/NAME."""
        with told("read"):
            return [
                f"{life}/{path.name}"
                for life, folder in self._lives().items()
                for path in sorted(folder.iterdir())
                if _is_whole(path.name)
            ]

    def read(self, name: str) -> bytes:
        """Content of one."""
        with told("read"):
            life, _, file = name.partition("/")
            return (self._lives()[life] / file).read_bytes()

    def _lives(self) -> dict[str, Path]:
        """Folders by name and what they are of: another system's folder, on a host made anew, has the same name."""
        return {
            f"{life.folder.name}-{hashed(life.folder / LIFE)[1][:12]}": life.folder for life in self.archive.lives()
        }

    def receive(self, life: str, content: Mapping[str, bytes]) -> int:
        """Add what is missing of a life, in the folder of the same life, or in a new one."""
        about = content.get(LIFE)
        if about is None or not all(_is_whole(name) for name in content):
            raise CmctlError(f"the copy of the WAL archive {life} does not say whose it is")
        folder = self._folder(about)
        with told("written"):
            missing = [name for name in content if not (folder / name).exists()]
            for name in sorted(missing, key=lambda name: name == LIFE):  # with it, the folder is one of the archive
                partial = folder / f".{name}.partial"
                partial.write_bytes(content[name])
                partial.chmod(0o600)
                self.own(partial)
                sync_file(partial)
                partial.rename(folder / name)
            sync_folders(folder)
        return len(missing)

    def _folder(self, about: bytes) -> Path:
        for life in self.archive.lives():
            if (life.folder / LIFE).read_bytes() == about:
                return life.folder
        with told("made"):
            self.archive.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = self.archive.folder / f"{self.archive.next_number():04}"
            folder.mkdir(mode=0o700)
            for place in (self.archive.folder, folder):
                self.own(place)
        return folder


def _is_whole(name: str) -> bool:
    segment = Segment.parse(name)
    return name == LIFE or bool(_HISTORY.fullmatch(name)) or (segment is not None and not segment.is_partial)
