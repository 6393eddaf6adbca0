"""Drill: restore the newest set beside production, start it, look at it, measure, and clean up.

Production is only read, and not needed: without it there is less to compare with.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from controlplane.domain.backup.drill import (
    CheckName,
    DrillCheck,
    DrillReport,
    Mark,
    checked_counts,
    checked_recovery,
    checked_rows,
)
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.plan import chain
from controlplane.domain.backup.restore_report import counts_at
from controlplane.domain.backup.restoring import RecoveredServer
from controlplane.domain.backup.target import Lsn, RecoveryTarget
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.backup.ports import Progress

SPARE_BYTES = 256 * 1024 * 1024
FOUND_BY_MEANING = 5
# What the memory server says of the files of a snapshot.
VECTORS_COPIED = "copied"


class DrillSets(Protocol):
    """The sets."""

    def good(self) -> list[Manifest]:
        """Manifests of the complete sets that no verification found wrong, newest first."""
        ...

    def require_version(self, manifest: Manifest) -> None:
        """Raises Refused for a set of another major version of PostgreSQL than what would restore it."""
        ...

    def problems_of(self, manifest: Manifest, progress: Progress) -> Sequence[str]:
        """What is wrong with a set's files now, byte by byte."""
        ...


class Production(Protocol):
    """The running PostgreSQL; every method reads only, and raises DependencyUnreachable when it does not answer."""

    def mark(self) -> Mark:
        """Its position, counts and a sample of memories, of a moment without writes if there is one."""
        ...

    def seconds_until_archived(self, lsn: int) -> float:
        """Wait until the WAL archive has everything before a position. Raises CmctlError when that does not happen."""
        ...

    def archived_beyond(self, lsn: int) -> bool:
        """Whether the archive has WAL after that position, too."""
        ...

    def still_there(self, ids: Sequence[str]) -> frozenset[str]:
        """Which of the memories there are now."""
        ...


class Instance(Protocol):
    """The restored system, running on sockets and ports of its own."""

    @property
    def server(self) -> RecoveredServer:
        """Where recovery ended, and rows counted then."""
        ...

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Hashes of the rows of memories; without those that are not there."""
        ...

    def texts(self, count: int) -> Sequence[str]:
        """Contents of some memories."""
        ...

    def found(self, text: str) -> Sequence[str]:
        """Contents of the memories that are nearest in meaning, through the memory server. Raises CmctlError."""
        ...

    def reconcile(self) -> tuple[int, int]:
        """Vectors that lacked and were too many; when this returns, vectors and PostgreSQL agree. Raises CmctlError."""
        ...


class Scratch(Protocol):
    """The place of a drill. Methods raise CmctlError when the file system refuses."""

    def locked(self) -> AbstractContextManager[None]:
        """One drill at a time. Raises Refused."""
        ...

    def begin(self, report: DrillReport) -> None:
        """Make the place and note which drill it is of."""
        ...

    def interrupted(self) -> DrillReport | None:
        """The drill that was killed and left something, as it began."""
        ...

    def sweep(self) -> Sequence[str]:
        """End and delete what a killed drill left; returns what that was."""
        ...

    def free_bytes(self) -> int:
        """Free space, without what is to stay free."""
        ...

    def prepare(self, sets: Sequence[Manifest], progress: Progress) -> None:
        """Write the data of the last set and of those it builds on."""
        ...

    def started(self, manifest: Manifest, target: RecoveryTarget) -> AbstractContextManager[Instance]:
        """Recover and start what was prepared; ended on leaving. Raises CmctlError."""
        ...

    def checksum_problem(self) -> str | None:
        """What pg_checksums finds in the data that were started and stopped."""
        ...

    def clear(self) -> None:
        """Delete everything."""
        ...


@dataclass
class _Seen:
    """What a drill knows so far."""

    report: DrillReport
    checks: list[DrillCheck] = field(default_factory=list)


@dataclass(frozen=True)
class Drill:
    """``keep`` makes a report durable."""

    sets: DrillSets
    production: Production
    scratch: Scratch
    keep: Callable[[DrillReport], None]
    clock: Callable[[], datetime]

    def run(self, progress: Progress) -> DrillReport:
        """Make a drill and keep its report, whether it passed or failed. Raises Refused while another is at work."""
        with self.scratch.locked():
            self._clear_up(progress)
            now, began = self.clock(), time.monotonic()
            seen = _Seen(DrillReport(now.strftime("%Y%m%dT%H%M%SZ"), None, now, now, "interrupted", "it was ended"))
            self.scratch.begin(seen.report)
            try:
                self._look(seen, progress)
                problem = "; ".join(f"{item.name}: {item.detail}" for item in seen.checks if item.ok is False)
                seen.report = replace(seen.report, outcome="failed" if problem else "passed", problem=problem)
            except CmctlError as error:
                seen.report = replace(seen.report, outcome="failed", problem=error.message)
            finally:
                progress.stage("cleaning up")
                self.scratch.clear()
                total = round(time.monotonic() - began, 3)
                report = replace(seen.report, checks=tuple(seen.checks), finished_at=self.clock(), total_seconds=total)
                self.keep(report)
        return report

    def _clear_up(self, progress: Progress) -> None:
        if (left := self.scratch.interrupted()) is not None:
            self.keep(replace(left, problem="it was killed", finished_at=self.clock()))
        for text in self.scratch.sweep():
            progress.note(f"removed what an interrupted drill left: {text}")

    def _look(self, seen: _Seen, progress: Progress) -> None:
        sets = self._chosen()
        size = sum(item.size_bytes for item in sets)
        seen.report = replace(seen.report, set_id=sets[-1].id, size_bytes=size)
        if (free := self.scratch.free_bytes()) < size + SPARE_BYTES:
            raise CmctlError(
                f"a drill may need {(size + SPARE_BYTES) // 1_000_000} MB, {max(0, free) // 1_000_000} MB may be used"
            )
        mark = self._mark(seen, progress)
        began = time.monotonic()
        self.sets.require_version(sets[-1])
        for manifest in sets:
            progress.stage(f"verifying {manifest.id}")
            if problems := self.sets.problems_of(manifest, progress):
                raise CmctlError(f"set {manifest.id} is damaged: {problems[0]}")
        self.scratch.prepare(sets, progress)
        target = self._target(mark)
        progress.stage(f"replaying WAL up to {target.words}")
        with self.scratch.started(sets[-1], target) as instance:
            self._agree(seen, sets[-1], instance, progress)
            self._search(seen, instance, progress)
            seen.report = replace(seen.report, rto_seconds=round(time.monotonic() - began, 3))
            self._compare(seen, instance, sets[-1], mark, target.lsn is not None, progress)
        progress.stage("checking page checksums")
        problem = self.scratch.checksum_problem()
        _check(seen, "checksums", problem is None, problem or "every page is as it was written")

    def _chosen(self) -> list[Manifest]:
        good = self.sets.good()
        if not good:
            raise CmctlError("there is no good set to restore", hint="make one with: cmctl backup create")
        try:
            return chain(good, good[0].id)
        except ValueError as error:
            raise CmctlError(str(error)) from error

    def _mark(self, seen: _Seen, progress: Progress) -> Mark | None:
        progress.stage("looking at production")
        try:
            mark = self.production.mark()
            seconds = self.production.seconds_until_archived(mark.lsn)
        except DependencyUnreachable as error:
            progress.note(f"{error.message}: there is nothing to compare with")
            return None
        seen.report = replace(seen.report, rpo_seconds=round(seconds, 3))
        return mark

    def _target(self, mark: Mark | None) -> RecoveryTarget:
        """Production's position at the mark, when the archive goes on after it; else the archive's end is that."""
        try:
            if mark is not None and mark.is_quiet and self.production.archived_beyond(mark.lsn):
                return RecoveryTarget(lsn=Lsn(mark.lsn), is_inclusive=False)
        except DependencyUnreachable:
            pass
        return RecoveryTarget()

    def _agree(self, seen: _Seen, manifest: Manifest, instance: Instance, progress: Progress) -> None:
        progress.stage("comparing vectors with PostgreSQL")
        missing, surplus = instance.reconcile()
        seen.report = replace(seen.report, vectors_missing=missing, vectors_surplus=surplus)
        if manifest.details("vectors").get("files", VECTORS_COPIED) == VECTORS_COPIED:
            told = f"they agree; {missing} came after the set, {surplus} were deleted since"
        else:
            told = f"the Qdrant server keeps them itself: {missing} were made anew from PostgreSQL, and agree with it"
        _check(seen, "vectors", True, told)

    def _search(self, seen: _Seen, instance: Instance, progress: Progress) -> None:
        progress.stage("searching by meaning")
        texts = instance.texts(FOUND_BY_MEANING)
        lost = [text for text in texts if text not in instance.found(text)]
        if not texts:
            _check(seen, "search", None, "there are no memories to find")
        elif lost:
            _check(seen, "search", False, f"{len(lost)} of {len(texts)} memories are not found by their own text")
        else:
            _check(seen, "search", True, f"{len(texts)} memories are found by their meaning")

    def _compare(
        self,
        seen: _Seen,
        instance: Instance,
        manifest: Manifest,
        mark: Mark | None,
        was_target: bool,
        progress: Progress,
    ) -> None:
        progress.stage("comparing with production")
        server = instance.server
        reached = Lsn.parse(server.lsn).value
        seen.checks.append(checked_recovery(mark, reached, server.timeline, was_target))
        in_set = counts_at(manifest, server)
        seen.checks.append(checked_counts(mark, reached, was_target, server.counts, in_set))
        seen.checks.append(self._rows(instance, mark))
        seen.report = replace(seen.report, timeline=server.timeline, reached_lsn=server.lsn, counts=server.counts)

    def _rows(self, instance: Instance, mark: Mark | None) -> DrillCheck:
        ids = list(mark.digests) if mark else []
        found = instance.digests(ids)
        try:
            there = self.production.still_there([key for key in ids if key not in found])
        except DependencyUnreachable:
            there = frozenset()
        return checked_rows(mark, found, there)


def _check(seen: _Seen, name: CheckName, ok: bool | None, detail: str) -> None:
    seen.checks.append(DrillCheck(name, ok, detail))
