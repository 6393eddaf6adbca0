"""Folders of logical dumps: ``dumps/<id>`` in the backup directory, or wherever somebody wants one.

A dump is made in ``.NAME.partial`` beside its place and gets its name by one rename, when all of it is durable.
"""

import contextlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from controlplane.adapters.backup.catalogue import Catalogue, write_json
from controlplane.adapters.backup.files import entries, files_below, hashed, remove_tree, sync_file, sync_folders, told
from controlplane.domain.backup.dump import Dump, from_json, to_json
from controlplane.domain.backup.manifest import FileEntry
from controlplane.errors import CmctlError, Refused, UsageProblem

MANIFEST = "dump.json"
SEAL = "dump.sha256.json"
_MOST_TOLD = 10


@dataclass(frozen=True)
class DumpFolders:
    """Dumps in ``catalogue``'s directory and elsewhere."""

    catalogue: Catalogue

    @property
    def folder(self) -> Path:
        """Where dumps go by default."""
        return self.catalogue.folder / "dumps"

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One at a time. Raises Refused."""
        self.catalogue.create()
        return self.catalogue.locked(purpose)

    def begin(self, target: Path) -> Path:
        """A new folder for a dump in the making. Raises Refused when ``target`` is taken."""
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise Refused(f"{target} is not an empty folder", hint="name a new one")
        work = target.with_name(f".{target.name}.partial")
        remove_tree(work)
        with told("made"):
            work.mkdir(parents=True, mode=0o700)
        return work

    def entries(self, work: Path) -> tuple[FileEntry, ...]:
        """Its files so far, with their hashes."""
        with told("read"):
            return entries(work, files_below(work), lambda _: None)

    def commit(self, work: Path, target: Path, dump: Dump) -> None:
        """Make it durable, then give it its name."""
        with told("written"):
            for path in files_below(work):
                sync_file(path)
            write_json(work / MANIFEST, to_json(dump))
            write_json(work / SEAL, hashed(work / MANIFEST)[1])
            sync_folders(work)
            work.rename(target)
            sync_file(target.parent)

    def discard(self, work: Path) -> None:
        """Delete a dump in the making; what cannot be deleted now goes with the next."""
        with contextlib.suppress(CmctlError):
            remove_tree(work)

    def problems(self, folder: Path, dump: Dump) -> Sequence[str]:
        """Every file is there as it was written, and no other."""
        known = {file.path: file for file in dump.files}
        there = {
            path.relative_to(folder).as_posix(): path
            for path in files_below(folder)
            if path not in (folder / MANIFEST, folder / SEAL)
        }
        found = [f"{name} is missing" for name in sorted(known.keys() - there.keys())]
        found += [f"{name} does not belong to it" for name in sorted(there.keys() - known.keys())]
        with told("read"):
            for entry in entries(folder, [there[name] for name in sorted(known.keys() & there.keys())], lambda _: None):
                if entry != known[entry.path]:
                    found.append(f"{entry.path} is not as it was written")
        return found[:_MOST_TOLD]

    def read(self, folder: Path) -> Dump:
        """The dump in a folder. Raises CmctlError when there is no complete one."""
        file = folder / MANIFEST
        try:
            if json.loads((folder / SEAL).read_text(encoding="utf-8")) != hashed(file)[1]:
                raise ValueError(f"it does not match {SEAL}")
            return from_json(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise CmctlError(f"{folder} holds no complete dump: {Path(error.filename).name} is missing") from error
        except (OSError, ValueError) as error:
            raise CmctlError(f"{file}: not the manifest of a dump: {error}") from error

    def complete(self) -> list[tuple[Path, Dump]]:
        """Complete dumps of the default place, newest first."""
        found = []
        for path in self.folder.glob("[!.]*") if self.folder.is_dir() else ():
            with contextlib.suppress(CmctlError):
                found.append((path, self.read(path)))
        return sorted(found, key=lambda item: item[1].created_at, reverse=True)

    def find(self, wanted: str) -> tuple[Path, Dump]:
        """A dump by its folder, its id, or ``latest``. Raises UsageProblem, CmctlError."""
        if (place := Path(wanted)).is_dir():
            return place.absolute(), self.read(place.absolute())
        known = self.complete()
        for path, dump in known:
            if wanted in ("latest", dump.id):
                return path, dump
        raise UsageProblem(f"there is no dump {wanted!r}", hint="name its folder, or see: cmctl backup dump list")
