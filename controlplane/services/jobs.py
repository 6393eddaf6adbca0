"""Scheduled jobs: what ran, what was missed, one run of a task at a time.

The scheduler is only the clock; this service decides, runs and records. While
the ledger's database is away, jobs still run and their entries wait in memory.
"""

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.job import JobOutcome, JobRun, JobTrigger, Schedule, TaskState, plan_catch_up
from controlplane.errors import CmctlError, DependencyUnreachable, Refused, UsageProblem
from controlplane.services.ports import Clock, JobLedger, Timetable

logger = logging.getLogger(__name__)

MAX_WAITING_RUNS = 1000
MAX_DETAIL_CHARACTERS = 2000


@dataclass(frozen=True)
class Task:
    """What a job runs. ``run`` returns a sentence for the ledger; ``catch_up`` runs a missed time late, once."""

    name: str
    description: str
    schedule: Schedule
    run: Callable[[], Awaitable[str]]
    catch_up: bool = False
    timeout_seconds: float = 3600


@dataclass
class TaskCounters:
    """How a task did since the daemon started; the metrics page reads it."""

    failures: int = 0
    last_success: datetime | None = None
    last_duration_seconds: float | None = None


class JobService:
    """Runs tasks and keeps the ledger."""

    def __init__(self, tasks: Mapping[str, Task], ledger: JobLedger, timetable: Timetable, clock: Clock) -> None:
        self.tasks = tasks
        self._ledger = ledger
        self._timetable = timetable
        self._clock = clock
        self._started_at = clock()
        self._running: dict[str, asyncio.Task[JobRun]] = {}
        self._waiting: deque[JobRun] = deque(maxlen=MAX_WAITING_RUNS)
        self._last_run: dict[str, JobRun] = {}
        self.counters = {name: TaskCounters() for name in tasks}

    # -- running

    async def run(self, name: str, trigger: JobTrigger, scheduled_for: datetime | None = None) -> JobRun:
        """Run a task now and wait for its end; the run goes on when the caller is cancelled.

        Raises UsageProblem for an unknown task, Refused when it already runs.
        """
        if name not in self.tasks:
            raise UsageProblem(f"there is no task {name!r}", hint=f"tasks are: {', '.join(sorted(self.tasks))}")
        if name in self._running:
            raise Refused(f"task {name} is already running", hint="wait for it: cmctl jobs list")
        run = JobRun(0, name, scheduled_for or self._clock(), self._clock(), None, "running", "", trigger)
        running = asyncio.create_task(self._run_and_record(run), name=f"job-{name}")
        self._running[name] = running
        running.add_done_callback(lambda _: self._running.pop(name, None))
        return await asyncio.shield(running)

    async def _run_and_record(self, run: JobRun) -> JobRun:
        begun = await self._begin(run)
        if begun is None:
            raise Refused(f"task {run.task} is already running elsewhere", hint="wait for it: cmctl jobs list")
        outcome, detail = await self._execute(self.tasks[run.task])
        finished = dataclasses.replace(
            begun, finished_at=self._clock(), outcome=outcome, detail=detail[:MAX_DETAIL_CHARACTERS]
        )
        self._count(finished)
        await self._finish(finished)
        return finished

    async def _begin(self, run: JobRun) -> JobRun | None:
        try:
            return await self._ledger.begin(run)
        except CmctlError:
            return run  # the ledger is away; the entry is written when it is back

    async def _execute(self, task: Task) -> tuple[JobOutcome, str]:
        try:
            async with asyncio.timeout(task.timeout_seconds):
                return "succeeded", await task.run()
        except TimeoutError:
            return "failed", f"took longer than {task.timeout_seconds:g} s"
        except CmctlError as error:
            return "failed", error.message
        except asyncio.CancelledError:
            return "interrupted", "the daemon was stopped"
        except Exception as error:
            logger.exception("A job failed in a way nobody foresaw", extra={"action": "run_job", "task": task.name})
            return "failed", f"{type(error).__name__}: {error}"

    def _count(self, run: JobRun) -> None:
        counters = self.counters[run.task]
        self._last_run[run.task] = run
        if run.outcome == "succeeded":
            counters.last_success = run.finished_at
        elif run.outcome == "failed":
            counters.failures += 1
            logger.error("A job failed", extra={"action": "run_job", "task": run.task, "problem": run.detail})
        if run.started_at and run.finished_at:
            counters.last_duration_seconds = (run.finished_at - run.started_at).total_seconds()

    async def _finish(self, run: JobRun) -> None:
        if run.id == 0:
            self._waiting.append(run)
            await self._write_waiting()
            return
        try:
            await self._ledger.finish(run)
        except CmctlError:
            self._waiting.append(run)

    async def _write_waiting(self) -> None:
        """Write the entries that waited for the ledger; what cannot be written waits on."""
        while self._waiting:
            run = self._waiting[0]
            try:
                await (self._ledger.finish(run) if run.id else self._ledger.record([run]))
            except DependencyUnreachable:
                return
            except CmctlError as error:
                logger.error("A ledger entry was lost", extra={"action": "record_job", "problem": error.message})
            if self._waiting and self._waiting[0] is run:
                self._waiting.popleft()

    # -- starting and stopping

    async def take_over(self, begun_at: datetime | None = None) -> None:
        """Once the ledger can be read: mark what a dead daemon left, record what was missed, catch up.

        ``begun_at``: when this daemon began to run jobs, by default when it started.
        Raises DependencyUnreachable when the ledger does not answer.
        """
        begun_at = begun_at or self._started_at
        interrupted = await self._ledger.interrupt_running(begun_at, self._clock())
        if interrupted:
            logger.warning("Jobs were interrupted", extra={"action": "interrupt_jobs", "count": interrupted})
        await self._write_waiting()
        await self.refresh_successes()
        for task in self.tasks.values():
            await self._catch_up(task, begun_at)

    async def reconnect(self) -> None:
        """The ledger is back: write what waited."""
        await self._write_waiting()

    async def refresh_successes(self) -> None:
        """Take over from the ledger when each task last succeeded: before this start, or without this daemon.

        Raises DependencyUnreachable.
        """
        for task, moment in (await self._ledger.last_successes(list(self.tasks))).items():
            counters = self.counters.get(task)
            if counters is not None and (counters.last_success is None or counters.last_success < moment):
                counters.last_success = moment

    async def _catch_up(self, task: Task, begun_at: datetime) -> None:
        last = await self._ledger.last_scheduled(task.name, begun_at)
        if last is None:
            return
        due = self._timetable.due_between(task.schedule, last, begun_at)
        plan = plan_catch_up(task.name, due, task.catch_up)
        if plan.record:
            await self._ledger.record(plan.record)
        if plan.run_for is not None and task.name not in self._running:
            logger.info("A missed job runs late", extra={"action": "catch_up", "task": task.name})
            await self.run(task.name, "catch_up", plan.run_for)

    async def stop(self) -> None:
        """Interrupt what runs, and record that."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # -- reading

    async def states(self) -> list[TaskState]:
        """Every task with its next time and its last run."""
        try:
            latest = {run.task: run for run in await self._ledger.latest()}
        except CmctlError:
            latest = {}
        now = self._clock()
        return [
            TaskState(
                task=task.name,
                description=task.description,
                schedule=str(task.schedule),
                next_due_at=self._timetable.next_due(task.schedule, now),
                running=task.name in self._running,
                last_run=self._last_run.get(task.name) or latest.get(task.name),
            )
            for task in self.tasks.values()
        ]

    async def history(self, task: str | None, limit: int) -> list[JobRun]:
        """Latest runs, newest first. Raises UsageProblem for an unknown task, DependencyUnreachable."""
        if task is not None and task not in self.tasks:
            raise UsageProblem(f"there is no task {task!r}", hint=f"tasks are: {', '.join(sorted(self.tasks))}")
        return await self._ledger.history(task, limit)
