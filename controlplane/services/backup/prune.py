"""Delete the sets that the retention policy wants no longer, and the WAL that no kept set needs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from controlplane.domain.backup.retention import KnownSet, RetentionPolicy, Verdict, decide, pruning_order
from controlplane.domain.backup.target import Lsn


class PrunableStore(Protocol):
    """The sets, as far as pruning goes. Every method raises CmctlError when the file system refuses."""

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One at a time."""
        ...

    def sweep(self) -> list[str]:
        """Delete what killed runs left."""
        ...

    def known(self) -> Sequence[KnownSet]:
        """Every set; usable are the complete ones that no verification found wrong."""
        ...

    def starts(self) -> Mapping[str, tuple[str, Lsn]]:
        """System identifier and first WAL position of each complete set."""
        ...

    def delete(self, set_id: str) -> None:
        """Delete a set."""
        ...

    def record(self, event: str, moment: datetime, details: Mapping[str, Any]) -> None:
        """Append to the history."""
        ...


class PrunableArchive(Protocol):
    """The WAL archive."""

    def prune(self, needed: Mapping[str, Lsn], is_dry_run: bool) -> list[str]:
        """Delete files that end before the position needed of their system; returns their names.

        Of a system without a needed position nothing is deleted.
        """
        ...


@dataclass(frozen=True)
class Pruned:
    """What went, or would go: every set with its verdict, newest first, and WAL files."""

    verdicts: Sequence[Verdict]
    wal_files: Sequence[str]
    is_dry_run: bool


@dataclass(frozen=True)
class Pruner:
    """Applies ``policy``."""

    store: PrunableStore
    archive: PrunableArchive
    policy: RetentionPolicy
    clock: Callable[[], datetime]

    def prune(self, is_dry_run: bool) -> Pruned:
        """Delete, children before parents, recording each before it goes. Raises CmctlError, Refused."""
        with self.store.locked("cmctl backup prune"):
            if not is_dry_run:
                self.store.sweep()
            now = self.clock()
            verdicts = decide(self.store.known(), self.policy, now)
            going = pruning_order(verdicts)
            reasons = {verdict.set.id: verdict.reasons for verdict in verdicts}
            starts = self.store.starts()
            for item in going if not is_dry_run else ():
                self.store.record("pruned", now, {"id": item.id, "reasons": list(reasons[item.id])})
                self.store.delete(item.id)
            kept = [start for set_id, start in starts.items() if set_id not in {item.id for item in going}]
            needed: dict[str, Lsn] = {}
            for system, lsn in kept:
                needed[system] = min(lsn, needed.get(system, lsn))
            files = self.archive.prune(needed, is_dry_run)
            if files and not is_dry_run:
                self.store.record("wal_pruned", now, {"files": len(files), "first": files[0], "last": files[-1]})
        return Pruned(verdicts, files, is_dry_run)
