"""The sets and the archive as a restore needs them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controlplane.adapters.backup import checks
from controlplane.adapters.backup.catalogue import Catalogue
from controlplane.adapters.backup.drill_records import EVENT
from controlplane.adapters.backup.files import told
from controlplane.adapters.backup.logical import program_major
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.domain.backup.dump import major
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.target import Lsn
from controlplane.domain.backup.verification import Verification
from controlplane.errors import Refused
from controlplane.services.backup.ports import Progress


@dataclass(frozen=True)
class RestoreSets:
    """Reads ``catalogue`` and ``archive``. ``programs``: PostgreSQL's, which would restore; None: any."""

    catalogue: Catalogue
    archive: WalArchive
    programs: Path | None = None

    def complete(self) -> list[Manifest]:
        """Manifests of the complete sets, newest first."""
        return self.catalogue.complete()

    def verifications(self) -> Mapping[str, Verification]:
        """The latest verification of each set."""
        return self.catalogue.verifications()

    def problems_of(self, manifest: Manifest, progress: Progress) -> Sequence[str]:
        """What is wrong with a set's files now, byte by byte."""
        problems, _ = checks.hashes(self.catalogue.path(manifest.id), manifest, progress)
        return problems

    def good(self) -> list[Manifest]:
        """Manifests of the complete sets that no verification found wrong, newest first."""
        return self.catalogue.good()

    def archive_end(self, system_identifier: str) -> Lsn | None:
        """How far the WAL archive of a system goes at most, None without one."""
        return self.archive.end(system_identifier)

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One at a time. Raises Refused."""
        return self.catalogue.locked(purpose)

    def record(self, event: str, moment: datetime, details: Mapping[str, object]) -> None:
        """Append to the history."""
        self.catalogue.record(event, moment, details)

    def abandon_wal_since(self, moment: datetime) -> None:
        """What was archived since then belongs to a history that has ended."""
        self.archive.abandon_since(moment)

    def past(self) -> list[tuple[float, int]]:
        """Seconds and sizes of past restores and passed drills, newest first."""
        done = [item for item in self.catalogue.history() if _was_restored(item)]
        return [(float(item["total_seconds"]), int(item.get("size_bytes") or 0)) for item in reversed(done)]

    def require_version(self, manifest: Manifest) -> None:
        """PostgreSQL starts on no data directory of another major version, and replays no such WAL. Raises Refused."""
        if self.programs is None:
            return
        ours, version = program_major(self.programs), manifest.details("postgresql").get("server_version")
        if isinstance(version, int):
            theirs = major(version)
        else:  # the set was made before its manifest told
            with told("read"):
                file = self.catalogue.path(manifest.id) / "postgresql" / "PG_VERSION"
                theirs = int(file.read_text(encoding="ascii")) if file.exists() else ours
        if theirs != ours:
            raise Refused(
                f"set {manifest.id} is of PostgreSQL {theirs}, and the programs here are of PostgreSQL {ours}",
                hint=f"move by a logical dump (cmctl backup dump), or with PostgreSQL {theirs}'s programs:"
                " cmctl restore --to DIRECTORY --programs BIN, then pg_upgrade",
            )


def _was_restored(event: Mapping[str, Any]) -> bool:
    return event.get("event") == "restored" or (event.get("event") == EVENT and event.get("outcome") == "passed")
