"""Restore a set: prepare beside what runs, stop, recover, exchange, start, and then assert.

Everything up to the exchange leaves the data in use alone; the exchange is renames, and what is replaced is kept aside.
A journal says how far it is, so that a restore cut off anywhere can be run again or rolled back.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.plan import chain
from controlplane.domain.backup.restoring import RestoreJournal, RestorePart, RestorePlan, RestoreReport
from controlplane.domain.backup.target import Lsn, RecoveryTarget, RestorePoint, choose
from controlplane.domain.backup.verification import Verification
from controlplane.errors import CmctlError, Refused, UsageProblem
from controlplane.services.backup.ports import Progress


@dataclass(frozen=True)
class RecoveredServer:
    """Where PostgreSQL's recovery ended, and rows counted then."""

    timeline: int
    lsn: str
    last_commit_at: datetime | None
    counts: Mapping[str, int | None]


class Sets(Protocol):
    """The sets and the archive."""

    def complete(self) -> list[Manifest]:
        """Manifests of the complete sets, newest first."""
        ...

    def verifications(self) -> Mapping[str, Verification]:
        """The latest verification of each set."""
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

    def past_seconds(self) -> float | None:
        """How long the last restore took."""
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


@dataclass(frozen=True)
class Wish:
    """What somebody wants restored."""

    set_id: str
    target: RecoveryTarget
    timeline: str
    parts: Sequence[RestorePart]


# What is stopped for each part.
STOPPED_FOR: Mapping[RestorePart, Sequence[str]] = {
    "postgresql": ("controlplane", "mcp_server", "postgresql", "wal_receiver"),
    "vectors": ("mcp_server",),
    "configuration": (),
}
SPARE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Restorer:
    """``name`` is what people type to confirm; ``places`` says which data each part replaces."""

    sets: Sets
    workshop: Workshop
    components: Components
    name: str
    places: Mapping[RestorePart, str]
    clock: Callable[[], datetime]

    def plan(self, wish: Wish) -> RestorePlan:
        """What restoring would do. Raises UsageProblem, Refused, CmctlError; nothing is changed."""
        manifests = self.sets.complete()
        manifest = self._choose(manifests, wish)
        needed = [item.id for item in _chain(manifests, manifest)]
        running = self.components.running()
        stops = [name for part in wish.parts for name in STOPPED_FOR[part] if name in running]
        return RestorePlan(
            set_id=manifest.id,
            chain=needed,
            parts=wish.parts,
            target=_words(wish.target),
            timeline=wish.timeline,
            into="in place",
            replaces=[self.places[part] for part in wish.parts],
            stops=list(dict.fromkeys(stops)),
            lost_after=_words(wish.target) if "postgresql" in wish.parts else "nothing of PostgreSQL",
            usual_seconds=self.sets.past_seconds(),
            needed_bytes=manifest.size_bytes * 2 + SPARE_BYTES,
            confirm_name=self.name,
        )

    def restore(self, plan: RestorePlan, wish: Wish, progress: Progress) -> RestoreReport:
        """Do what the plan says. Raises CmctlError; until the exchange the stack is then started as it was."""
        began, started = self.clock(), time.monotonic()
        with self.sets.locked("cmctl restore"):
            unfinished = self._undo_unfinished(progress)
            sets = [item for item in self.sets.complete() if item.id in plan.chain]
            ordered = sorted(sets, key=lambda item: plan.chain.index(item.id))
            if len(ordered) != len(plan.chain):
                raise CmctlError(f"set {plan.set_id} is gone", hint="list the sets with: cmctl backup list")
            self._require_good(ordered, progress)
            self._require_space(plan)
            progress.stage("preparing")
            self.workshop.clear()
            self.workshop.prepare(ordered, plan.parts, progress)
            journal = RestoreJournal(
                id=began.strftime("%Y%m%dT%H%M%SZ"),
                set_id=plan.set_id,
                step="begun",
                parts=plan.parts,
                began_at=began,
                had=self.workshop.present(plan.parts),
                components=tuple(dict.fromkeys([*unfinished, *self._to_start(plan)])),
            )
            recovered, down_since = self._exchange(journal, plan, wish, ordered[-1], progress)
            report = self._start(journal, plan, recovered, ordered[-1], down_since, started, progress)
            self.sets.record("restored", self.clock(), _event(report))
            self.workshop.write_journal(replace(journal, step="done"))
        return report

    def restore_beside(self, plan: RestorePlan, wish: Wish, progress: Progress) -> RestoreReport:
        """Prepare and recover in the workshop's folder, and leave the result there. Raises CmctlError."""
        started = time.monotonic()
        with self.sets.locked("cmctl restore --to"):
            sets = {item.id: item for item in self.sets.complete()}
            ordered = [sets[set_id] for set_id in plan.chain]
            self._require_good(ordered, progress)
            self._require_space(plan)
            self.workshop.prepare(ordered, plan.parts, progress)
            recovered = None
            if "postgresql" in plan.parts:
                progress.stage(f"replaying WAL up to {plan.target}")
                recovered = self.workshop.recover(ordered[-1], wish.target, wish.timeline)
        seconds = time.monotonic() - started
        return _report("beside", plan, recovered, ordered[-1], None, seconds, seconds)

    def rollback(self, progress: Progress) -> RestoreJournal:
        """Put back what the latest restore replaced, and start. Raises UsageProblem, Refused, CmctlError."""
        with self.sets.locked("cmctl restore --rollback"):
            journal = self.workshop.read_journal()
            if journal is None:
                raise UsageProblem("there is no restore to roll back")
            if journal.step in ("swapped", "done") and not all(journal.had.values()):
                raise Refused("before that restore there were no data: there is nothing to roll back to")
            progress.stage("stopping")
            self.components.stop(self.components.running())
            self.workshop.write_journal(replace(journal, step="swapping"))
            progress.stage("putting back what was replaced")
            self.workshop.put_back(journal.id, [part for part in journal.parts if journal.had.get(part)])
            self.sets.abandon_wal_since(journal.began_at)
            self.workshop.clear()
            self.workshop.write_journal(None)
            progress.stage("starting")
            self.components.start(journal.components)
            self.sets.record("rolled back", self.clock(), {"id": journal.id, "set": journal.set_id})
        return journal

    def drop_replaced(self) -> RestoreJournal:
        """Delete what the latest restore replaced. Raises UsageProblem, Refused."""
        with self.sets.locked("cmctl restore --drop-replaced"):
            journal = self.workshop.read_journal()
            if journal is None or journal.step != "done":
                raise UsageProblem("there is no finished restore whose replaced data could be dropped")
            self.sets.record("replaced data dropped", self.clock(), {"id": journal.id})
            self.workshop.drop(journal.id)
            self.workshop.write_journal(None)
        return journal

    # -- choosing

    def _choose(self, manifests: Sequence[Manifest], wish: Wish) -> Manifest:
        bad = {set_id for set_id, found in self.sets.verifications().items() if not found.is_good}
        if wish.set_id != "latest":
            manifest = next((item for item in manifests if item.id == wish.set_id), None)
            if manifest is None:
                raise UsageProblem(f"there is no complete set {wish.set_id!r}", hint="list them: cmctl backup list")
            candidates = [manifest]
        else:
            candidates = [item for item in manifests if not any(part.id in bad for part in _chain(manifests, item))]
        return self._reaching(candidates, wish)

    def _reaching(self, candidates: Sequence[Manifest], wish: Wish) -> Manifest:
        points = [_point(item) for item in candidates]
        systems = {str(item.details("postgresql").get("system_identifier")) for item in candidates[:1]}
        ends = [end for system in systems if (end := self.sets.archive_end(system)) is not None]
        archive_end = max([*ends, *(point.end_lsn for point in points)], default=Lsn(0))
        try:
            chosen = choose(points, wish.target, self.clock(), archive_end)
        except ValueError as error:
            raise UsageProblem(str(error), hint="list the sets with: cmctl backup list") from error
        return next(item for item in candidates if item.id == chosen.set_id)

    # -- doing

    def _to_start(self, plan: RestorePlan) -> list[str]:
        """What runs, and what was needed to run it; nothing means everything."""
        running = self.components.running()
        needed = [name for part in plan.parts for name in STOPPED_FOR[part]]
        return [*running, *needed] if running else []

    def _undo_unfinished(self, progress: Progress) -> Sequence[str]:
        """Put back what a restore that was cut off replaced; returns what ran before it."""
        journal = self.workshop.read_journal()
        if journal is None or journal.step == "done":
            return ()
        progress.note(f"the restore {journal.id} was cut off; what it replaced is put back first")
        self.components.stop([name for name in self.components.running() if name in STOPPED_FOR["postgresql"]])
        self.workshop.put_back(journal.id, [part for part in journal.parts if journal.had.get(part)])
        self.sets.abandon_wal_since(journal.began_at)
        self.workshop.write_journal(None)
        return journal.components

    def _require_good(self, sets: Sequence[Manifest], progress: Progress) -> None:
        for manifest in sets:
            progress.stage(f"verifying {manifest.id}")
            if problems := self.sets.problems_of(manifest, progress):
                raise Refused(
                    f"set {manifest.id} is damaged and is not restored: {problems[0]}",
                    hint="choose another: cmctl backup list; details: cmctl backup verify",
                )

    def _require_space(self, plan: RestorePlan) -> None:
        if (free := self.workshop.free_bytes()) < plan.needed_bytes:
            raise CmctlError(
                f"{free // 1_000_000} MB are free, restoring may need {plan.needed_bytes // 1_000_000} MB",
                hint="free some space; what is replaced is kept aside",
            )

    def _exchange(
        self, journal: RestoreJournal, plan: RestorePlan, wish: Wish, manifest: Manifest, progress: Progress
    ) -> tuple[RecoveredServer | None, tuple[datetime, float]]:
        self.workshop.write_journal(replace(journal, step="stopped"))
        down_since = self.clock(), time.monotonic()
        recovered = None
        try:
            progress.stage(f"stopping {', '.join(plan.stops) or 'nothing'}")
            self.components.stop(plan.stops)
            if "postgresql" in plan.parts:
                progress.stage(f"replaying WAL up to {plan.target}")
                recovered = self.workshop.recover(manifest, wish.target, wish.timeline)
        except BaseException:
            progress.note("nothing was replaced; starting what was stopped")
            self.workshop.write_journal(None)
            self.workshop.clear()
            self.components.start(plan.stops)
            raise
        self.workshop.write_journal(replace(journal, step="swapping"))
        progress.stage("exchanging the data")
        self.workshop.exchange(journal.id, plan.parts)
        self.workshop.write_journal(replace(journal, step="swapped"))
        return recovered, down_since

    def _start(
        self,
        journal: RestoreJournal,
        plan: RestorePlan,
        recovered: RecoveredServer | None,
        manifest: Manifest,
        down_since: tuple[datetime, float],
        started: float,
        progress: Progress,
    ) -> RestoreReport:
        progress.stage("starting")
        try:
            problems = list(self.components.start(journal.components))
            missing, surplus = (None, None)
            if "mcp_server" in (journal.components or ("mcp_server",)):
                progress.stage("comparing vectors with PostgreSQL")
                missing, surplus = self.components.reconcile()
        except CmctlError as error:
            raise CmctlError(
                f"the data are restored, but the stack is not well: {error.message}",
                hint=error.hint or "see cmctl diagnose, or go back with: cmctl restore --rollback",
            ) from error
        now = time.monotonic()
        report = _report(journal.id, plan, recovered, manifest, down_since[0], now - down_since[1], now - started)
        return replace(report, vectors_missing=missing, vectors_surplus=surplus, problems=[*report.problems, *problems])


def _report(
    restore_id: str,
    plan: RestorePlan,
    recovered: RecoveredServer | None,
    manifest: Manifest,
    down_since: datetime | None,
    rto_seconds: float,
    total_seconds: float,
) -> RestoreReport:
    last_commit = recovered.last_commit_at if recovered else None
    is_latest = plan.target == _words(RecoveryTarget())
    lost = max(0.0, (down_since - last_commit).total_seconds()) if down_since and last_commit and is_latest else None
    return RestoreReport(
        id=restore_id,
        set_id=plan.set_id,
        target=plan.target,
        timeline=recovered.timeline if recovered else None,
        reached_lsn=recovered.lsn if recovered else None,
        last_commit_at=last_commit,
        rpo_seconds=lost,
        rto_seconds=round(rto_seconds, 3),
        total_seconds=round(total_seconds, 3),
        counts=recovered.counts if recovered else {},
        counts_in_set={name: _count(manifest, name) for name in (recovered.counts if recovered else ())},
        replaced=restore_id,
        problems=_contradictions(manifest, recovered) if recovered else (),
    )


def _contradictions(manifest: Manifest, recovered: RecoveredServer) -> list[str]:
    """Recovery ended exactly where the set's rows were counted, and the rows are others."""
    details = manifest.details("postgresql")
    if not details.get("counts_from_lsn") == details.get("counts_to_lsn") == recovered.lsn:
        return []
    return [
        f"{table}: {count} rows, {details.get(table)} when the set was made"
        for table, count in recovered.counts.items()
        if count != details.get(table)
    ]


def _chain(manifests: Sequence[Manifest], manifest: Manifest) -> list[Manifest]:
    try:
        return chain(manifests, manifest.id)
    except ValueError as error:
        raise CmctlError(str(error), hint="choose another set: cmctl backup list") from error


def _point(manifest: Manifest) -> RestorePoint:
    details = manifest.details("postgresql")
    end, timeline = Lsn.parse(str(details["end_lsn"])), int(str(details["timeline"]))
    return RestorePoint(manifest.id, manifest.taken_at("postgresql"), end, timeline)


def _words(target: RecoveryTarget) -> str:
    if target.time is not None:
        return f"time {target.time.isoformat()}"
    if target.lsn is not None:
        return f"LSN {target.lsn}"
    return f"restore point {target.name}" if target.name is not None else "the end of the WAL archive"


def _count(manifest: Manifest, table: str) -> int | None:
    value = manifest.details("postgresql").get(table)
    return value if isinstance(value, int) else None


def _event(report: RestoreReport) -> dict[str, object]:
    return {
        "id": report.id,
        "set": report.set_id,
        "target": report.target,
        "rpo_seconds": report.rpo_seconds,
        "rto_seconds": round(report.rto_seconds, 3),
        "total_seconds": round(report.total_seconds, 3),
        "vectors_missing": report.vectors_missing,
        "vectors_surplus": report.vectors_surplus,
    }
