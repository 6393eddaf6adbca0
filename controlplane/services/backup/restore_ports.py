"""What a restore needs from the outside world. Adapters implement these Protocols."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.restoring import RecoveredServer, RestoreJournal, RestorePart
from controlplane.domain.backup.target import Lsn, RecoveryTarget
from controlplane.domain.backup.verification import Verification
from controlplane.services.backup.ports import Progress


class Sets(Protocol):
    """The sets and the archive."""

    def complete(self) -> list[Manifest]:
        """Manifests of the complete sets, newest first."""
        ...

    def verifications(self) -> Mapping[str, Verification]:
        """The latest verification of each set."""
        ...

    def require_version(self, manifest: Manifest) -> None:
        """Raises Refused for a set of another major version of PostgreSQL than what would restore it."""
        ...

    def problems_of(self, manifest: Manifest, progress: Progress) -> Sequence[str]:
        """What is wrong with a set's files now, byte by byte."""
        ...

    def archive_end(self, system_identifier: str) -> Lsn | None:
        """How far the WAL archive of a system goes at least, None without one."""
        ...

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One at a time. Raises Refused."""
        ...

    def record(self, event: str, moment: datetime, details: Mapping[str, object]) -> None:
        """Append to the history."""
        ...

    def abandon_wal_since(self, moment: datetime) -> None:
        """What was archived since then belongs to a history that has ended."""
        ...

    def past(self) -> Sequence[tuple[float, int]]:
        """Seconds and sizes in bytes of past restores and drills, newest first."""
        ...


class Workshop(Protocol):
    """The files of a restore: prepared beside the data in use, exchanged by renames, kept aside."""

    def free_bytes(self) -> int:
        """Free space where the data go."""
        ...

    def clear(self) -> None:
        """Delete what an earlier attempt prepared."""
        ...

    def prepare(self, sets: Sequence[Manifest], parts: Sequence[RestorePart], progress: Progress) -> None:
        """Write the data of the last set, and of those it builds on, beside the data in use."""
        ...

    def recover(self, manifest: Manifest, target: RecoveryTarget, timeline: str) -> RecoveredServer:
        """Replay WAL in the prepared data up to the target. Raises CmctlError."""
        ...

    def present(self, parts: Sequence[RestorePart]) -> dict[str, bool]:
        """Which parts there are now."""
        ...

    def exchange(self, restore_id: str, parts: Sequence[RestorePart]) -> str:
        """Put the prepared data in place, what was there aside; returns where that is. May be called again."""
        ...

    def put_back(self, restore_id: str, parts: Sequence[RestorePart]) -> None:
        """Put what is aside back in place. May be called again."""
        ...

    def drop(self, restore_id: str) -> None:
        """Delete what is aside."""
        ...

    def read_journal(self) -> RestoreJournal | None:
        """The latest restore, None when there was none."""
        ...

    def write_journal(self, journal: RestoreJournal | None) -> None:
        """Keep how far it is, durably; None forgets it."""
        ...


class Components(Protocol):
    """The stack."""

    def running(self) -> list[str]:
        """Components that run."""
        ...

    def stop(self, components: Sequence[str]) -> None:
        """Stop them, PostgreSQL before the WAL receiver, so that its last record arrives."""
        ...

    def start(self, components: Sequence[str]) -> list[str]:
        """Start them and wait until each is healthy; returns what is not well all the same."""
        ...

    def reconcile(self) -> tuple[int, int]:
        """Have vectors compared with PostgreSQL and repaired: missing and surplus ones."""
        ...
