"""Restore a set: prepare beside what runs, stop, recover, exchange, start, and then assert.

Everything up to the exchange leaves the data in use alone; the exchange is renames, and what is replaced is kept aside.
A journal says how far it is, so that a restore cut off anywhere can be run again or rolled back.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.restore_report import as_event, build_report
from controlplane.domain.backup.restoring import RecoveredServer, RestoreJournal, RestorePlan, RestoreReport
from controlplane.errors import CmctlError, Refused, UsageProblem
from controlplane.services.backup.ports import Progress
from controlplane.services.backup.restore_plan import STOPPED_FOR, Wish
from controlplane.services.backup.restore_ports import Components, Sets, Workshop


@dataclass(frozen=True)
class Restorer:
    """Does what a plan says; rolls back; drops what was replaced."""

    sets: Sets
    workshop: Workshop
    components: Components
    clock: Callable[[], datetime]

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
            with self._nothing_left_behind():
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
            self.sets.record("restored", self.clock(), as_event(report, sum(item.size_bytes for item in ordered)))
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
            recovered = None
            with self._nothing_left_behind():
                self.workshop.prepare(ordered, plan.parts, progress)
                if "postgresql" in plan.parts:
                    progress.stage(f"replaying WAL up to {plan.target}")
                    recovered = self.workshop.recover(ordered[-1], wish.target, wish.timeline)
        seconds = time.monotonic() - started
        return build_report("beside", plan, recovered, ordered[-1], None, seconds, seconds)

    @contextmanager
    def _nothing_left_behind(self) -> Iterator[None]:
        """What could not be prepared to its end looks like data, and is not."""
        try:
            yield
        except BaseException:
            self.workshop.clear()
            raise

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
        down_since = self.clock(), time.monotonic()
        recovered = None
        try:
            self.workshop.write_journal(replace(journal, step="stopped"))
            progress.stage(f"stopping {', '.join(plan.stops) or 'nothing'}")
            self.components.stop(plan.stops)
            if "postgresql" in plan.parts:
                progress.stage(f"replaying WAL up to {plan.target}")
                recovered = self.workshop.recover(manifest, wish.target, wish.timeline)
            self.workshop.write_journal(replace(journal, step="swapping"))
        except BaseException:
            progress.note("nothing was replaced; starting what was stopped")
            self.workshop.write_journal(None)
            self.workshop.clear()
            self.components.start(plan.stops)
            raise
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
        report = build_report(journal.id, plan, recovered, manifest, down_since[0], now - down_since[1], now - started)
        return replace(report, vectors_missing=missing, vectors_surplus=surplus, problems=[*report.problems, *problems])
