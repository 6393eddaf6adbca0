"""Doing planned work: announced before, ended after, and true in the database whatever happens to that meanwhile.

The record is a file, written before the work begins. Whoever works holds it; the kernel lets go however the process
ends. The daemon tells the database how works ended of which nobody could tell it: because it was away, because it was
replaced by another, or because the process was killed. A killed work ended with its last sign of life.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.domain.action import Action, ActionOutcome
from controlplane.domain.maintenance import Maintenance
from controlplane.domain.payload_text import PayloadProblem
from controlplane.domain.planned_work import PlannedWork
from controlplane.errors import CmctlError
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

# So long a database that is put in place of another is told of past works.
KEPT = timedelta(days=14)
KILLED = "the process that did it was killed"
LAPSED = "nobody said how it ended before its window ran out"
Note = Callable[[str], None]
Tell = Callable[[PlannedWork], Coroutine[None, None, None]]


@dataclass(frozen=True)
class KeptRecord:
    """A record as it is found: ``is_held`` while somebody works, ``seen_at`` their last sign of life."""

    work: PlannedWork
    is_held: bool
    seen_at: datetime


class WorkRecords(Protocol):
    """Records of works, durable, beside the database. Every method raises CmctlError when the disk refuses."""

    def holding(self, work: PlannedWork) -> AbstractContextManager[None]:
        """Keep a new record, hold it and give signs of life for the length of a block."""
        ...

    def save(self, work: PlannedWork) -> None:
        """Keep a record in place of the one of its key."""
        ...

    def all(self) -> list[KeptRecord]:
        """Every record that can be read."""
        ...

    def delete(self, key: str) -> None:
        """Forget one."""
        ...


class WorkStore(Protocol):
    """The database. Every method raises DependencyUnreachable while it does not answer, CmctlError."""

    async def settle(self, maintenance: Maintenance | None, action: Action) -> None:
        """Make it agree with what is known of a work that is over, whatever of it it has seen."""
        ...

    async def interrupt_lapsed(self, now: datetime, detail: str) -> int:
        """End works whose window ran out without anybody ending it; returns how many."""
        ...


class WorkKeeper:
    """The daemon's part: tells the database how works ended."""

    def __init__(self, records: WorkRecords, store: WorkStore, clock: Clock) -> None:
        self._records = records
        self._store = store
        self._clock = clock
        self._database_is_new = True

    async def run(self) -> str:
        """Settle what is not settled; the first time everything, since the database may have been replaced.

        Returns a sentence for the job ledger. Raises DependencyUnreachable, CmctlError.
        """
        now, told = self._clock(), 0
        for record in self._records.all():
            if record.is_held:
                continue
            work = record.work
            if work.closed_at is None:
                work = work.closed(record.seen_at, "interrupted", KILLED)
                self._records.save(work)
            if self._database_is_new or not work.is_settled:
                told += await self._settle(work)
            elif work.closed_at is not None and work.closed_at < now - KEPT:
                self._records.delete(work.key)
        self._database_is_new = False
        lapsed = await self._store.interrupt_lapsed(now, LAPSED)
        return f"{told} works settled, {lapsed} ran out"

    async def _settle(self, work: PlannedWork) -> bool:
        try:
            await self._store.settle(work.maintenance(), work.action())
        except PayloadProblem as problem:
            logger.error(
                "A record of planned work is wrong and is left out",
                extra={"action": "settle_work", "key": work.key, "problem": problem.message},
            )
            return False
        self._records.save(replace(work, is_settled=True))
        return True


@dataclass
class Working:
    """A work that goes on; set these to what the ledger should say in the end. Without ``subject``, as at the start."""

    work: PlannedWork
    subject: str = ""
    detail: str = ""
    outcome: ActionOutcome = "succeeded"


class WorkDesk:
    """Does planned work from a command. ``announce`` and ``settle`` raise CmctlError when nobody can be told."""

    def __init__(
        self,
        records: WorkRecords,
        announce: Tell,
        settle: Tell,
        clock: Clock,
        note: Note,
    ) -> None:
        self._records = records
        self._announce = announce
        self._settle = settle
        self._clock = clock
        self._note = note

    @contextmanager
    def doing(self, work: PlannedWork) -> Iterator[Working]:
        """The work for the length of a block: recorded and announced before it, ended after it.

        What cannot be recorded or announced is noted and keeps nobody from working.
        """
        working = Working(work)
        with ExitStack() as record:
            try:
                record.enter_context(self._records.holding(work))
            except CmctlError as error:  # what is done matters more than its bookkeeping
                self._note(f"this {work.kind} is not recorded: {error.message}")
            self._try(self._announce, work, "the control plane enters this")
            outcome: ActionOutcome = "interrupted"
            try:
                yield working
                outcome = working.outcome
            except Exception as error:
                outcome = "failed"
                working.detail = error.message if isinstance(error, CmctlError) else f"{type(error).__name__}: {error}"
                raise
            finally:
                subject = working.subject or work.subject
                self._close(replace(work, subject=subject).closed(self._clock(), outcome, working.detail))

    def _close(self, work: PlannedWork) -> None:
        self._save(work)
        if self._try(self._settle, work, "the control plane enters the end of this"):
            self._save(replace(work, is_settled=True))

    def _save(self, work: PlannedWork) -> None:
        try:
            self._records.save(work)
        except CmctlError as error:
            self._note(f"the end of this {work.kind} is not recorded: {error.message}")

    def _try(self, tell: Tell, work: PlannedWork, words: str) -> bool:
        try:
            asyncio.run(tell(work))
        except CmctlError as error:
            self._note(f"{words} {work.kind} as soon as it can: {error.message}")
            return False
        return True
