"""The checks that ``cmctl backup verify`` makes of a set."""

import hashlib
import json
import subprocess  # PostgreSQL's pg_waldump and our own console script, with arguments of ours
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.adapters.backup.catalogue import MANIFEST, SEAL
from controlplane.adapters.backup.files import entries, files_below, told
from controlplane.adapters.backup.physical import BACKUP_MANIFEST, file_name
from controlplane.adapters.backup.vectors import ARCHIVE
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.target import Lsn
from controlplane.domain.backup.wal import Segment, gaps
from controlplane.errors import CmctlError
from controlplane.services.backup.ports import Progress

MOST_TOLD = 10
# Exit code of our console script when something that it needs is not there.
_CANNOT_BE_LOOKED_AT = 4
Findings = tuple[Sequence[str], Sequence[str]]


def hashes(folder: Path, manifest: Manifest, progress: Progress) -> Findings:
    """Every file of the manifest is there with its size and SHA-256, and no other."""
    known = {file.path: file for part in manifest.parts for file in part.files}
    there = [path for path in files_below(folder) if path not in (folder / MANIFEST, folder / SEAL)]
    names = {path.relative_to(folder).as_posix() for path in there}
    problems = [f"{name} is missing" for name in sorted(known.keys() - names)]
    problems += [f"{name} does not belong to the set" for name in sorted(names - known.keys())]
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        progress.advance(done, manifest.size_bytes)

    with told("read"):
        for entry in entries(folder, [path for path in there if path.relative_to(folder).as_posix() in known], advance):
            expected = known[entry.path]
            if entry.size_bytes != expected.size_bytes:
                problems.append(f"{entry.path} has {entry.size_bytes} bytes instead of {expected.size_bytes}")
            elif entry.sha256 != expected.sha256:
                problems.append(f"{entry.path} is not as it was written")
    if len(problems) > MOST_TOLD:
        problems = [*problems[:MOST_TOLD], f"and {len(problems) - MOST_TOLD} more"]
    return problems, []


@dataclass(frozen=True)
class PostgresqlCheck:
    """What pg_verifybackup checks: the files against PostgreSQL's own manifest, the set's WAL record by record.

    Not pg_verifybackup itself: the one in the wheel of the embedded PostgreSQL does not even start (its ELF header is
    damaged). It compares checksums and calls pg_waldump. The checksums were compared when the set was made, together
    with making the SHA-256 that every file was just compared with; sets of before have SHA-256 there, too.
    """

    programs: Path
    environment: Mapping[str, str]

    def __call__(self, folder: Path, manifest: Manifest, progress: Progress) -> Findings:
        """Look at the set in ``folder``, whose files are those of ``manifest``."""
        try:
            raw = (folder / "postgresql" / BACKUP_MANIFEST).read_bytes()
            content = json.loads(raw)
            problems = [*_own_checksum(raw, content), *_compared(manifest, content["Files"])]
            for part in content["WAL-Ranges"]:
                problems += self._wal(folder / "postgresql" / "pg_wal", part)
        except (OSError, ValueError, KeyError, TypeError) as error:
            return [f"postgresql/{BACKUP_MANIFEST} cannot be understood: {error}"], []
        return problems[:MOST_TOLD], []

    def _wal(self, folder: Path, part: Mapping[str, Any]) -> list[str]:
        command = [str(self.programs / "pg_waldump"), "--quiet", f"--path={folder}", f"--timeline={part['Timeline']}"]
        done = subprocess.run(
            [*command, f"--start={part['Start-LSN']}", f"--end={part['End-LSN']}"],
            cwd="/",
            env={**self.environment, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stderr.strip().splitlines() or [f"pg_waldump fails with {done.returncode}"]
        return [f"the set's own WAL: {lines[-1].removeprefix('pg_waldump: ')}"] if done.returncode else []


def _own_checksum(raw: bytes, content: Mapping[str, Any]) -> list[str]:
    """PostgreSQL documentation, "Backup Manifest File Format": the hash of all lines but the last."""
    covered = raw[: raw.rstrip(b"\n").rfind(b"\n") + 1]
    is_right = hashlib.sha256(covered).hexdigest() == content["Manifest-Checksum"]
    return [] if is_right else [f"postgresql/{BACKUP_MANIFEST} does not match its own checksum"]


def _compared(manifest: Manifest, files: Sequence[Mapping[str, Any]]) -> list[str]:
    part = manifest.part("postgresql")
    ours = {file.path.removeprefix("postgresql/"): file for file in (part.files if part else ())}
    theirs = {file_name(file): file for file in files}
    problems = [f"PostgreSQL's manifest lists {name}, which is not in the set" for name in theirs.keys() - ours.keys()]
    problems += [
        f"PostgreSQL's manifest does not list {name}"
        for name in ours.keys() - theirs.keys()
        if name != BACKUP_MANIFEST and not name.startswith("pg_wal/")
    ]
    for name in theirs.keys() & ours.keys():
        told = theirs[name]
        is_same = told.get("Checksum-Algorithm") != "SHA256" or told["Checksum"] == ours[name].sha256
        if told["Size"] != ours[name].size_bytes or not is_same:
            problems.append(f"postgresql/{name} is not what PostgreSQL sent")
    return sorted(problems)


@dataclass(frozen=True)
class WalCheck:
    """From the end of the set on, the archive has no gap; how far one can recover is a note."""

    archive: WalArchive

    def __call__(self, folder: Path, manifest: Manifest, progress: Progress) -> Findings:
        """Look at the archive as far as the set needs it."""
        details = manifest.details("postgresql")
        end, timeline = Lsn.parse(str(details["end_lsn"])), int(str(details["timeline"]))
        needed = Segment.holding(end, timeline)
        for life in self.archive.lives():
            segments = [segment for segment in life.segments() if segment.number >= needed.number]
            if life.system_identifier == details["system_identifier"] and any(
                segment.number == needed.number and segment.timeline == timeline for segment in segments
            ):
                return [
                    f"the WAL archive {life.folder} lacks what is between {before.name} and {after.name}"
                    for before, after in gaps(segments)
                ], []
        return [], ["no WAL archive goes on from this set: it can be restored as it is, but to no later moment"]


@dataclass(frozen=True)
class VectorsCheck:
    """The vectors' archive can be opened by the engine, and holds as many as the manifest says."""

    command: Path

    def __call__(self, folder: Path, manifest: Manifest, progress: Progress) -> Findings:
        """Look at the set in ``folder``. Raises CmctlError without room to look, which is nothing against the set."""
        file = folder / "vectors" / ARCHIVE
        expected = manifest.details("vectors").get("count")
        done = subprocess.run([str(self.command), "inspect", str(file)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["it fails"])[0].removeprefix("error: ")
            if done.returncode == _CANNOT_BE_LOOKED_AT:
                raise CmctlError(f"the vectors of {manifest.id} cannot be verified now: {reason}")
            return [f"vectors: {reason}"], []
        found = json.loads(done.stdout).get("count")
        return ([f"vectors: the archive holds {found}, the manifest says {expected}"] if found != expected else []), []
