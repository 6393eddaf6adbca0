"""Protocols that the use cases need; adapters implement them, wiring joins the two."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from controlplane.domain.alert import Alert, AlertFilter, StateChange
from controlplane.domain.check import CheckResult, Observation
from controlplane.domain.component import ComponentStatus
from controlplane.domain.guard import HostFacts
from controlplane.domain.job import JobRun, Schedule
from controlplane.errors import CmctlError


class ServiceManager(Protocol):
    """Starts, stops and watches the processes of the components: supervisor or systemd.

    Every method but ``statuses`` raises UsageProblem for a component that the
    manager does not know, DependencyUnreachable when the manager does not
    answer, and CmctlError when the operation fails.
    """

    def statuses(self) -> list[ComponentStatus]:
        """State of every component. All are STOPPED when the manager itself is not running."""
        ...

    def status(self, component: str) -> ComponentStatus:
        """State of one component."""
        ...

    def start(self, component: str) -> None:
        """Start a component and return at once; nothing happens when it already runs."""
        ...

    def stop(self, component: str) -> None:
        """Stop a component and wait until its process is gone; nothing happens when it is stopped."""
        ...

    def restart(self, component: str) -> None:
        """Stop, then start a component."""
        ...

    def reload(self, component: str) -> None:
        """Make a running component read its configuration again."""
        ...


class StorageFull(CmctlError):
    """The local disk (or the space we allow ourselves on it) cannot take more; trying again later may help."""


class PositionMoved(CmctlError):
    """Somebody else moved the journal on; read the position again."""


class StoreRejected(CmctlError):
    """The store understood the data and can never take it; trying again does not help."""


@dataclass(frozen=True, order=True)
class JournalPosition:
    """A place in the journal: number of the segment file, byte offset in it."""

    segment: int
    offset: int


@dataclass(frozen=True)
class JournalBatch:
    """Records read from the journal, and the position behind the last of them."""

    records: Sequence[bytes]
    start: JournalPosition
    end: JournalPosition


class AlertJournal(Protocol):
    """Append-only local log of accepted alerts; the first place where they are durable."""

    @property
    def journal_id(self) -> str:
        """Identity of this journal; its position in the store is kept under it."""
        ...

    @property
    def pending_records(self) -> int:
        """Records that are durable here and not yet moved."""
        ...

    @property
    def fill(self) -> float:
        """Share of the room for records that is taken, 0 to 1."""
        ...

    def append(self, record: bytes) -> Awaitable[None]:
        """Write a record; done once it is on disk. Raises StorageFull when it cannot be kept."""
        ...

    async def read(self, start: JournalPosition, max_bytes: int) -> JournalBatch:
        """Durable records from a position on, at least one when there is any."""
        ...

    def start(self) -> JournalPosition:
        """Position of the oldest record that is still here."""
        ...

    def end(self) -> JournalPosition:
        """Position behind the last durable record."""
        ...

    async def discard_before(self, position: JournalPosition, records: int | None) -> None:
        """Forget what was moved and delete whole segments before the position.

        ``records`` is how many more are moved now; None lets the journal count them.
        """
        ...

    async def renew_identity(self) -> None:
        """Become a journal that no store has seen; for when files were put back from an old copy."""
        ...

    async def wait_for_records(self, position: JournalPosition) -> None:
        """Return once there is a durable record behind the position."""
        ...


class AlertLog(Protocol):
    """``alerts.log``: one JSON line for each accepted change of an alert."""

    def append(self, lines: bytes) -> None:
        """Write whole lines and flush them. A failure is logged, never raised: the journal has the alert."""
        ...


class RejectedBodies(Protocol):
    """Keeps bodies that could not be taken, a bounded number of them, for inspection."""

    def keep(self, body: bytes, reason: str) -> str:
        """Keep a body and return the name of its file, or an empty string when it could not be kept."""
        ...


class AlertSource(Protocol):
    """Somewhere alerts can be read; there are several, for when the best one does not answer."""

    @property
    def name(self) -> str:
        """What people call this source."""
        ...

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        """The wanted alerts, firing before resolved, newest start first.

        Raises CmctlError when this source does not answer.
        """
        ...

    async def history(self, fingerprint: str) -> list[StateChange]:
        """Changes of state of a fingerprint, oldest first. Raises CmctlError when this source does not answer."""
        ...


class AlertStore(AlertSource, Protocol):
    """The alerts in PostgreSQL. Every method raises DependencyUnreachable while it does not answer."""

    async def journal_position(self, journal_id: str, start: JournalPosition) -> JournalPosition:
        """How far a journal has been moved; ``start`` for a journal that is new to the store."""
        ...

    async def move(self, journal_id: str, batch: JournalBatch) -> None:
        """Store a batch and the new position in one transaction.

        Raises PositionMoved when the position is not where the batch starts,
        StoreRejected when the data can never be stored.
        """
        ...

    async def delete_resolved_before(self, moment: datetime) -> int:
        """Delete alerts that were resolved before a moment; returns how many."""
        ...


class JobLedger(Protocol):
    """What ran, what was missed. Every method raises DependencyUnreachable while the store does not answer."""

    async def begin(self, run: JobRun) -> JobRun | None:
        """Record the start of a run and take the task's lock; None when the task already runs."""
        ...

    async def finish(self, run: JobRun) -> None:
        """Record how a run ended."""
        ...

    async def record(self, runs: Sequence[JobRun]) -> None:
        """Record runs after the fact: missed ones, and those that ended while the store was away."""
        ...

    async def interrupt_running(self, before: datetime, finished_at: datetime) -> int:
        """Mark runs begun before a moment that nobody finished; returns how many."""
        ...

    async def last_scheduled(self, task: str, before: datetime) -> datetime | None:
        """Latest time before a moment that the ledger knows for a task."""
        ...

    async def history(self, task: str | None, limit: int) -> list[JobRun]:
        """Latest runs, newest first."""
        ...

    async def latest(self) -> list[JobRun]:
        """The latest run of each task that was not merely missed."""
        ...

    async def last_successes(self, tasks: Sequence[str]) -> dict[str, datetime]:
        """When each of the tasks last succeeded; without those that never did."""
        ...

    async def delete_before(self, moment: datetime) -> int:
        """Delete entries scheduled before a moment; returns how many."""
        ...


class Timetable(Protocol):
    """The clock of the scheduler, as far as times can be computed."""

    def due_between(self, schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
        """Times a schedule was due, later than ``after`` and not later than ``until``."""
        ...

    def next_due(self, schedule: Schedule, after: datetime) -> datetime | None:
        """The next time a schedule is due."""
        ...


Clock = Callable[[], datetime]


class Probe(Protocol):
    """Looks at the target of one check. It is cancelled when the check's timeout has passed."""

    async def observe(self) -> Observation:
        """Look once. A target that answers wrongly or refuses is CRITICAL, one that cannot be judged UNKNOWN.

        Raises CmctlError for a check that can never work as it is configured.
        """
        ...


class HostWatch(Protocol):
    """Knows whether this machine itself, not a target, is in trouble."""

    async def facts(self, hosts: Iterable[str]) -> HostFacts:
        """Test the loopback interface, the clock, and the way to each of ``hosts``."""
        ...


class CheckStore(Protocol):
    """Keeps check results. Every method raises DependencyUnreachable when the store does not answer."""

    async def save_results(self, results: Sequence[CheckResult]) -> None:
        """Keep results. Saving one again (same name and ``checked_at``) changes nothing."""
        ...

    async def latest_results(self) -> list[CheckResult]:
        """The newest result of every check."""
        ...

    async def history(self, name: str, since: datetime) -> list[CheckResult]:
        """Results of one check since a moment, oldest first."""
        ...


class RemoteDaemon(Protocol):
    """The running daemon, as the command line reaches it."""

    async def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> tuple[Any, Mapping[str, str]]:
        """A JSON answer and the response's headers. Raises CmctlError as the answer demands."""
        ...

    async def post(self, path: str, payload: Any = None) -> Any:
        """Change something and return the JSON answer. Raises CmctlError as the answer demands."""
        ...

    async def run_job(self, name: str) -> Any:
        """Run a task and return its ledger entry. Raises UsageProblem, Refused, DependencyUnreachable."""
        ...
