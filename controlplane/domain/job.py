"""Jobs: what the scheduler runs, and the ledger entry of each run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

JobOutcome = Literal["running", "succeeded", "failed", "missed", "interrupted"]
JobTrigger = Literal["schedule", "catch_up", "manual"]

MISSED_RUNS_RECORDED = 20


@dataclass(frozen=True)
class Schedule:
    """When a task is due: every N seconds, or at a cron expression (five fields, UTC)."""

    every_seconds: float | None = None
    cron: str | None = None

    def __post_init__(self) -> None:
        if (self.every_seconds is None) == (self.cron is None):
            raise ValueError("give exactly one of every_seconds and cron")

    def __str__(self) -> str:
        return f"every {self.every_seconds:g} s" if self.every_seconds is not None else f"at {self.cron} UTC"


@dataclass(frozen=True)
class JobRun:
    """One entry of the job ledger. ``id`` is 0 while the entry waits for the ledger to come back."""

    id: int
    task: str
    scheduled_for: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: JobOutcome
    detail: str
    trigger: JobTrigger


@dataclass(frozen=True)
class TaskState:
    """One task of the schedule: when it is due next, and how its last run went."""

    task: str
    description: str
    schedule: str
    next_due_at: datetime | None
    running: bool
    last_run: JobRun | None


@dataclass(frozen=True)
class CatchUp:
    """What to do about the times a task was due while nobody ran it."""

    record: Sequence[JobRun]
    run_for: datetime | None


def plan_catch_up(task: str, due: Sequence[datetime], run_latest: bool) -> CatchUp:
    """Record missed runs, and run the latest one late when the task asks for it.

    The oldest of very many missed runs share one entry whose detail counts them.
    """
    missed = list(due)
    run_for = missed.pop() if missed and run_latest else None
    shown = missed[-MISSED_RUNS_RECORDED:]
    hidden = len(missed) - len(shown)
    record = [_missed(task, moment, "the daemon was not running") for moment in shown]
    if hidden:
        text = f"the daemon was not running; {hidden} earlier runs since {missed[0].isoformat()} were missed too"
        record[0] = _missed(task, shown[0], text)
    return CatchUp(record=record, run_for=run_for)


def _missed(task: str, scheduled_for: datetime, detail: str) -> JobRun:
    return JobRun(0, task, scheduled_for, None, None, "missed", detail, "schedule")


def interval_times(every_seconds: float, after: datetime, until: datetime) -> list[datetime]:
    """Multiples of an interval since the epoch, later than ``after`` and not later than ``until``."""
    step = timedelta(seconds=every_seconds)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = (after - epoch) // step + 1
    last = (until - epoch) // step
    return [epoch + number * step for number in range(first, last + 1)]
