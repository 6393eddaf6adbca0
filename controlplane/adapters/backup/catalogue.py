"""The folder of recovery sets.

``sets/<id>/`` is a set, complete exactly when it holds a whole ``manifest.json``. A set comes into being under the
name ``sets/.partial-<id>`` and gets its own by one rename, after everything in it is durable. ``history.jsonl`` says
what was made, pruned, verified and restored; it stands here, and not in PostgreSQL, because it must survive that.
"""

import contextlib
import fcntl
import io
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from controlplane.adapters.backup.files import (
    copy_durably,
    files_below,
    hashed,
    naming,
    remove_tree,
    sync_file,
    sync_folders,
    told,
)
from controlplane.adapters.backup.hashes import HashCache
from controlplane.domain.backup.manifest import FileEntry, Manifest, PartName, from_json, to_json
from controlplane.domain.backup.retention import KnownSet
from controlplane.domain.backup.target import Lsn
from controlplane.domain.backup.verification import Verification
from controlplane.errors import CmctlError, Refused, UsageProblem

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
SEAL = "manifest.sha256.json"  # the hash of the manifest, which holds the hashes of all the rest
_PARTIAL = ".partial-"
_GOING = ".deleting-"


@dataclass(frozen=True)
class StoredSet:
    """A folder that is, or should be, a set. Without a manifest it is unusable, and ``problem`` says why."""

    id: str
    path: Path
    manifest: Manifest | None
    problem: str = ""


class Catalogue:
    """The sets below ``folder``."""

    def __init__(self, folder: Path, hashes: HashCache | None = None) -> None:
        self.folder = folder
        self._hashes = hashes or HashCache()
        self._known: dict[Path, tuple[int, Manifest]] = {}

    @property
    def sets_folder(self) -> Path:
        """Where the sets are."""
        return self.folder / "sets"

    def create(self) -> None:
        """Make the folders, readable by the owner only. Raises CmctlError."""
        with told("made"):
            # PostgreSQL's own user must pass through to the WAL archive when we are root.
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o711 if os.getuid() == 0 else 0o700)
            self.sets_folder.mkdir(exist_ok=True, mode=0o700)

    def stored(self) -> list[StoredSet]:
        """Every set, newest first, the unusable ones included."""
        try:
            names = [path for path in self.sets_folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        except FileNotFoundError:
            return []
        except PermissionError as error:
            raise CmctlError(
                f"{self.sets_folder} cannot be read", hint="run it as root, for example with sudo"
            ) from error
        return [self._read(path) for path in sorted(names, key=lambda path: path.name, reverse=True)]

    def complete(self) -> list[Manifest]:
        """Manifests of the complete sets, newest first."""
        return [item.manifest for item in self.stored() if item.manifest is not None]

    def good(self) -> list[Manifest]:
        """Those of them that no verification found wrong."""
        bad = {set_id for set_id, found in self.verifications().items() if not found.is_good}
        return [manifest for manifest in self.complete() if manifest.id not in bad]

    def find(self, wanted: str) -> StoredSet:
        """A set by its id, or the newest good one for ``latest``. Raises UsageProblem."""
        stored = self.stored()
        if wanted == "latest":
            good = {manifest.id for manifest in self.good()}
            found = next((item for item in stored if item.id in good), None)
            if found is None:
                raise UsageProblem("there is no good set yet", hint="make one with: cmctl backup create")
            return found
        for item in stored:
            if item.id == wanted:
                return item
        raise UsageProblem(f"there is no set {wanted!r}", hint="list them with: cmctl backup list")

    def path(self, set_id: str) -> Path:
        """Folder of a set."""
        return self.sets_folder / set_id

    def begin(self, moment: datetime) -> Path:
        """A new folder for a set in the making; its id is the moment, in UTC."""
        base = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        number = 1
        while True:
            name = base if number == 1 else f"{base}-{number}"
            work = self.partial(name)
            if not self.path(name).exists() and not work.exists():
                with told("made"):
                    work.mkdir(mode=0o700)
                return work
            number += 1

    def partial(self, set_id: str) -> Path:
        """Folder of a set in the making."""
        return self.sets_folder / f"{_PARTIAL}{set_id}"

    @staticmethod
    def id_of(work: Path) -> str:
        """Id that a folder in the making will have."""
        return work.name.removeprefix(_PARTIAL)

    def share(self, set_id: str, part: PartName, work: Path) -> None:
        """Have the files of a part of another set in ``work``, too: one copy on disk while the file system can."""
        with told("copied"):
            for path in files_below(self.path(set_id) / part):
                target = work / path.relative_to(self.path(set_id))
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                try:
                    target.hardlink_to(path)
                except OSError:
                    copy_durably(path, target)

    def commit(self, work: Path, manifest: Manifest) -> Path:
        """Make everything durable, then give the set its name: from then on it is complete."""
        with told("written"):
            write_json(work / MANIFEST, to_json(manifest))
            write_json(work / SEAL, hashed(work / MANIFEST)[1])
            sync_folders(work)
            target = self.path(manifest.id)
            work.rename(target)
            sync_file(self.sets_folder)
        return target

    def discard(self, work: Path) -> None:
        """Delete a folder in the making; what cannot be deleted now is swept later."""
        with contextlib.suppress(CmctlError):
            _end_processes_of(work)
            remove_tree(work)

    def entries(self, root: Path, folder: Path, advance: Callable[[int], None]) -> tuple[FileEntry, ...]:
        """Size and hash of every file below ``folder``, with paths relative to ``root``."""
        paths = files_below(folder)
        with told("read"):
            found = self._hashes.all(paths)
        advance(sum(file.size_bytes for file in found))
        return tuple(
            FileEntry(path.relative_to(root).as_posix(), file.size_bytes, file.sha256)
            for path, file in zip(paths, found, strict=True)
        )

    def verifications(self) -> dict[str, Verification]:
        """The latest verification of each set that was ever verified and is still there."""
        found = {}
        for stored in self.stored():
            try:
                raw = json.loads(self._verification_file(stored.id).read_text(encoding="utf-8"))
                raw["verified_at"] = datetime.fromisoformat(raw["verified_at"])
                found[stored.id] = Verification(**raw)
            except (OSError, ValueError, TypeError, KeyError):
                continue  # as good as never verified
        return found

    def keep_verification(self, verification: Verification) -> None:
        """Keep it, in place of an earlier one."""
        with told("written"):
            file = self._verification_file(verification.set_id)
            file.parent.mkdir(exist_ok=True, mode=0o700)
            write_json(file, {**asdict(verification), "verified_at": verification.verified_at.isoformat()})

    def _verification_file(self, set_id: str) -> Path:
        return self.folder / "verified" / f"{set_id}.json"

    def known(self) -> list[KnownSet]:
        """Every set as retention sees it; usable are the complete ones that no verification found wrong."""
        bad = {set_id for set_id, found in self.verifications().items() if not found.is_good}
        return [_known(stored, stored.id not in bad) for stored in self.stored()]

    def starts(self) -> dict[str, tuple[str, Lsn]]:
        """System identifier and first WAL position of each complete set."""
        found = {}
        for manifest in self.complete():
            details = manifest.details("postgresql")
            found[manifest.id] = (str(details["system_identifier"]), Lsn.parse(str(details["start_lsn"])))
        return found

    def delete(self, set_id: str) -> None:
        """Delete a set; from the first moment on it is no set any more."""
        self._verification_file(set_id).unlink(missing_ok=True)
        with told("deleted"):
            going = self.sets_folder / f"{_GOING}{set_id}"
            self.path(set_id).rename(going)
            sync_file(self.sets_folder)
        remove_tree(going)

    def sweep(self) -> list[str]:
        """Delete what a killed backup or prune left behind, its processes first; returns the names."""
        leftovers = sorted(
            path for path in self.sets_folder.glob(".*") if path.name.startswith((_PARTIAL, _GOING)) and path.is_dir()
        )
        for path in leftovers:
            _end_processes_of(path)
            remove_tree(path)
            logger.warning("A leftover was swept", extra={"action": "backup_sweep", "path": str(path)})
        return [path.name for path in leftovers]

    @contextmanager
    def locked(self, purpose: str, file: str = "lock") -> Iterator[None]:
        """One backup, prune or restore at a time; the kernel frees the lock however the process ends.

        Raises Refused, naming what holds it.
        """
        with told("opened"):
            handle = (self.folder / file).open("a+", encoding="utf-8")
        with handle:
            try:
                fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                handle.seek(0)
                holder = handle.read(200).strip() or "another cmctl"
                raise Refused(f"{self.folder}: {holder} is at work", hint="try again when it has ended") from error
            with contextlib.suppress(OSError):  # on a full disk nobody is told who it is, and it is locked all the same
                handle.truncate(0)
                os.write(handle.fileno(), f"{purpose} (process {os.getpid()})".encode())
            try:
                yield
            finally:
                handle.truncate(0)

    def record(self, event: str, moment: datetime, details: Mapping[str, Any]) -> None:
        """Append to the history."""
        line = json.dumps({"at": moment.isoformat().replace("+00:00", "Z"), "event": event, **details})
        history = self.folder / "history.jsonl"
        with told("written"), naming(history), history.open("ab+", buffering=0) as file:
            if size := file.seek(0, os.SEEK_END):
                file.seek(size - 1)
                if file.read(1) != b"\n":  # a crash or a full disk cut a line off; it must not take this one along
                    line = "\n" + line
            _write_whole(file, f"{line}\n".encode())
            os.fsync(file.fileno())

    def history(self) -> list[dict[str, Any]]:
        """What was recorded, oldest first; a line that a crash cut off is left out."""
        found: list[dict[str, Any]] = []
        try:
            text = (self.folder / "history.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def _read(self, path: Path) -> StoredSet:
        file = path / MANIFEST
        try:
            stamp = file.stat().st_mtime_ns
            if self._known.get(file, (0, None))[0] != stamp:
                if json.loads((path / SEAL).read_text(encoding="utf-8")) != hashed(file)[1]:
                    raise ValueError(f"does not match {SEAL}")
                self._known[file] = (stamp, from_json(json.loads(file.read_text(encoding="utf-8"))))
        except FileNotFoundError:
            return StoredSet(path.name, path, None, f"{MANIFEST} or {SEAL} is missing")
        except (OSError, ValueError) as error:
            return StoredSet(path.name, path, None, f"{MANIFEST}: {error}")
        manifest = self._known[file][1]
        if manifest.id != path.name:
            return StoredSet(path.name, path, None, f"{MANIFEST} is that of set {manifest.id}")
        return StoredSet(path.name, path, manifest)


def _write_whole(file: io.FileIO, content: bytes) -> None:
    """Write all of it. A full disk may take a part first, and refuse the rest."""
    while content:
        content = content[file.write(content) or 0 :]


def _known(stored: StoredSet, is_good: bool) -> KnownSet:
    if stored.manifest is None:
        try:
            created_at = datetime.strptime(stored.id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            created_at = datetime.fromtimestamp(stored.path.stat().st_mtime, UTC)
        return KnownSet(stored.id, created_at, False)
    return KnownSet(stored.id, stored.manifest.created_at, is_good, stored.manifest.parent_id)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file as a whole and make it durable."""
    partial = path.with_name(f".{path.name}.partial")
    with naming(path), partial.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _end_processes_of(folder: Path) -> None:
    """A killed cmctl may have left its pg_basebackup behind, which would go on writing."""
    ours = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("pg_") and any(str(folder) in argument for argument in process.cmdline()):
                process.kill()
                ours.append(process)
        except psutil.Error:
            continue
    _, alive = psutil.wait_procs(ours, timeout=10)
    if alive:
        raise CmctlError(f"process {alive[0].pid}, left by a killed backup, does not end")
