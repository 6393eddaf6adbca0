"""The job ledger's rules: one run at a time, what was missed, what waits while the ledger is away."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.daemon.scheduler import SchedulerTimetable
from controlplane.domain.job import JobRun, Schedule
from controlplane.errors import CmctlError, DependencyUnreachable, Refused, UsageProblem
from controlplane.services.jobs import JobService, Task

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


class FakeLedger:
    """A ledger in memory that can be taken away."""

    def __init__(self) -> None:
        self.runs: dict[int, JobRun] = {}
        self.away = False
        self.finished = asyncio.Event()

    def _check(self) -> None:
        if self.away:
            raise DependencyUnreachable("the ledger is away")

    async def begin(self, run: JobRun) -> JobRun | None:
        self._check()
        if any(known.task == run.task and known.outcome == "running" for known in self.runs.values()):
            return None
        return self._add(run)

    def _add(self, run: JobRun) -> JobRun:
        run = dataclasses.replace(run, id=len(self.runs) + 1)
        self.runs[run.id] = run
        return run

    async def finish(self, run: JobRun) -> None:
        self._check()
        self.runs[run.id] = run
        self.finished.set()

    async def record(self, runs: Sequence[JobRun]) -> None:
        self._check()
        for run in runs:
            self._add(run)

    async def interrupt_running(self, before: datetime, finished_at: datetime) -> int:
        self._check()
        old = [run for run in self.runs.values() if run.outcome == "running"]
        for run in old:
            self.runs[run.id] = dataclasses.replace(run, outcome="interrupted", finished_at=finished_at)
        return len(old)

    async def last_scheduled(self, task: str, before: datetime) -> datetime | None:
        self._check()
        times = [run.scheduled_for for run in self.runs.values() if run.task == task and run.scheduled_for < before]
        return max(times, default=None)

    async def history(self, task: str | None, limit: int) -> list[JobRun]:
        self._check()
        return list(self.runs.values())[-limit:]

    async def latest(self) -> list[JobRun]:
        self._check()
        return []

    async def last_successes(self, tasks: Sequence[str]) -> dict[str, datetime]:
        self._check()
        done = [run for run in self.runs.values() if run.outcome == "succeeded" and run.finished_at]
        return {run.task: run.finished_at for run in done if run.task in tasks and run.finished_at}

    async def delete_before(self, moment: datetime) -> int:
        return 0


async def fine() -> str:
    return "done"


async def failing() -> str:
    raise CmctlError("it did not work")


async def broken() -> str:
    raise ValueError("nobody foresaw this")


async def endless() -> str:
    await asyncio.Event().wait()
    return "never"


def service(
    run: Callable[[], Awaitable[str]] = fine, ledger: FakeLedger | None = None, **task: object
) -> tuple[JobService, FakeLedger]:
    ledger = ledger or FakeLedger()
    fields = {"schedule": Schedule(cron="0 * * * *"), "run": run, **task}
    tasks = {"job": Task(name="job", description="A job.", **fields)}  # type: ignore[arg-type]
    return JobService(tasks, ledger, SchedulerTimetable(), lambda: NOON), ledger


@pytest.mark.parametrize(
    ("run", "outcome", "detail", "failures"),
    [
        (fine, "succeeded", "done", 0),
        (failing, "failed", "it did not work", 1),
        (broken, "failed", "ValueError: nobody foresaw this", 1),
    ],
)
async def test_a_run_and_its_outcome_are_recorded(
    run: Callable[[], Awaitable[str]], outcome: str, detail: str, failures: int
) -> None:
    jobs, ledger = service(run)
    entry = await jobs.run("job", "manual")
    assert (entry.outcome, entry.detail) == (outcome, detail)
    assert ledger.runs == {1: entry}
    assert jobs.counters["job"].failures == failures


async def test_a_run_that_takes_too_long_fails() -> None:
    jobs, _ = service(endless, timeout_seconds=0.01)
    assert (await jobs.run("job", "manual")).detail == "took longer than 0.01 s"


async def test_a_task_runs_once_at_a_time() -> None:
    running = asyncio.Event()

    async def busy() -> str:
        running.set()
        return await endless()

    jobs, _ = service(busy)
    first = asyncio.create_task(jobs.run("job", "manual"))
    await running.wait()
    with pytest.raises(Refused, match="already running"):
        await jobs.run("job", "schedule")
    await jobs.stop()
    assert (await first).outcome == "interrupted"


async def test_a_task_that_runs_in_another_daemon_is_refused() -> None:
    ledger = FakeLedger()
    await ledger.begin(JobRun(0, "job", NOON, NOON, None, "running", "", "schedule"))
    jobs, _ = service(ledger=ledger)
    with pytest.raises(Refused, match="already running elsewhere"):
        await jobs.run("job", "manual")


async def test_an_unknown_task_is_named() -> None:
    jobs, _ = service()
    with pytest.raises(UsageProblem, match="'other'"):
        await jobs.run("other", "manual")
    with pytest.raises(UsageProblem, match="'other'"):
        await jobs.history("other", 1)


async def test_a_caller_that_goes_away_does_not_stop_the_run() -> None:
    finish = asyncio.Event()

    async def slow() -> str:
        await finish.wait()
        return "done"

    jobs, ledger = service(slow)
    caller = asyncio.create_task(jobs.run("job", "manual"))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    assert ledger.runs[1].outcome == "running"
    finish.set()
    async with asyncio.timeout(5):
        await ledger.finished.wait()
    assert ledger.runs[1].outcome == "succeeded"


async def test_while_the_ledger_is_away_jobs_run_and_entries_wait() -> None:
    jobs, ledger = service()
    ledger.away = True
    await jobs.run("job", "schedule")
    await jobs.run("job", "schedule")
    assert ledger.runs == {}
    (state,) = await jobs.states()
    assert state.last_run is not None and state.last_run.outcome == "succeeded"
    ledger.away = False
    await jobs.reconnect()
    assert [run.outcome for run in ledger.runs.values()] == ["succeeded", "succeeded"]


async def test_a_run_whose_end_could_not_be_written_is_finished_later() -> None:
    ledger = FakeLedger()

    async def losing_the_ledger() -> str:
        ledger.away = True
        return "done"

    jobs, _ = service(losing_the_ledger, ledger)
    await jobs.run("job", "schedule")
    assert ledger.runs[1].outcome == "running"
    ledger.away = False
    await jobs.reconnect()
    assert ledger.runs[1].outcome == "succeeded"


async def test_what_a_dead_daemon_left_running_is_interrupted() -> None:
    ledger = FakeLedger()
    await ledger.begin(JobRun(0, "job", NOON, NOON, None, "running", "", "schedule"))
    jobs, _ = service(ledger=ledger)
    await jobs.take_over()
    assert ledger.runs[1].outcome == "interrupted"


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (True, [("missed", 10), ("missed", 11), ("succeeded", 12)]),
        (False, [("missed", 10), ("missed", 11), ("missed", 12)]),
    ],
)
async def test_missed_times_are_recorded_and_the_latest_runs_late(
    catch_up: bool, expected: list[tuple[str, int]]
) -> None:
    ledger = FakeLedger()
    await ledger.record([JobRun(0, "job", NOON - timedelta(hours=3), NOON, NOON, "succeeded", "", "schedule")])
    jobs, _ = service(ledger=ledger, catch_up=catch_up)
    await jobs.take_over()
    entries = list(ledger.runs.values())[1:]
    assert [(run.outcome, run.scheduled_for.hour) for run in entries] == expected
    assert entries[-1].trigger == ("catch_up" if catch_up else "schedule")


async def test_a_task_that_never_ran_has_missed_nothing() -> None:
    jobs, ledger = service(catch_up=True)
    await jobs.take_over()
    assert ledger.runs == {}


async def test_tasks_tell_when_they_are_due() -> None:
    jobs, _ = service()
    (state,) = await jobs.states()
    assert state.next_due_at == NOON + timedelta(hours=1)
    assert state.schedule == "at 0 * * * * UTC"
