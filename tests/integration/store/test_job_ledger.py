"""The job ledger and the check results in a real PostgreSQL."""

import dataclasses
from datetime import UTC, datetime, timedelta

from controlplane.adapters.store.checks import PostgresCheckStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.jobs import PostgresJobLedger
from controlplane.domain.check import CheckResult, CheckState
from controlplane.domain.job import JobRun

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def run(task: str = "job", at: datetime = NOON) -> JobRun:
    return JobRun(0, task, at, at, None, "running", "", "schedule")


def ended(entry: JobRun) -> JobRun:
    return dataclasses.replace(entry, finished_at=NOON, outcome="succeeded", detail="done")


async def test_a_running_entry_is_the_tasks_lock(database: Database) -> None:
    ledger = PostgresJobLedger(database)
    first = await ledger.begin(run())
    assert first is not None
    assert await ledger.begin(run()) is None
    assert await ledger.begin(run("other")) is not None
    await ledger.finish(ended(first))
    assert await ledger.begin(run()) is not None


async def test_history_is_newest_first(database: Database) -> None:
    ledger = PostgresJobLedger(database)
    missed = dataclasses.replace(run(at=NOON + HOUR), outcome="missed", started_at=None)
    await ledger.record([ended(run()), missed, ended(run("other", NOON - HOUR))])
    assert [(entry.task, entry.outcome) for entry in await ledger.history(None, 10)] == [
        ("job", "missed"),
        ("job", "succeeded"),
        ("other", "succeeded"),
    ]
    assert len(await ledger.history("job", 1)) == 1
    assert [(entry.task, entry.outcome) for entry in await ledger.latest()] == [
        ("job", "succeeded"),
        ("other", "succeeded"),
    ]


async def test_what_a_dead_daemon_left_is_interrupted_and_ours_is_not(database: Database) -> None:
    ledger = PostgresJobLedger(database)
    await ledger.begin(run(at=NOON - HOUR))
    await ledger.begin(run("ours", NOON + HOUR))
    await ledger.begin(run("ahead", NOON + 3 * HOUR))  # begun before the clock stepped back
    assert await ledger.interrupt_running(NOON, NOON + 2 * HOUR) == 2
    assert {entry.task: entry.outcome for entry in await ledger.history(None, 10)} == {
        "job": "interrupted",
        "ours": "running",
        "ahead": "interrupted",
    }


async def test_the_last_time_before_a_moment(database: Database) -> None:
    ledger = PostgresJobLedger(database)
    assert await ledger.last_scheduled("job", NOON) is None
    await ledger.record([ended(run(at=NOON - HOUR)), ended(run(at=NOON + HOUR))])
    assert await ledger.last_scheduled("job", NOON) == NOON - HOUR


async def test_old_entries_are_deleted_but_not_running_ones(database: Database) -> None:
    ledger = PostgresJobLedger(database)
    await ledger.begin(run("running", NOON - HOUR))
    await ledger.record([ended(run(at=NOON - HOUR)), ended(run())])
    assert await ledger.delete_before(NOON) == 1


def result(name: str, minutes: int, state: CheckState = CheckState.OK) -> CheckResult:
    return CheckResult(
        name=name,
        kind="disk",
        state=state,
        raw_state=CheckState.WARNING,
        message="71 % used",
        value=71.5,
        unit="%",
        warning=80.0,
        critical=None,
        duration_seconds=0.25,
        checked_at=NOON + timedelta(minutes=minutes),
        state_since=NOON,
    )


async def test_check_results_come_back_as_they_were(database: Database) -> None:
    store = PostgresCheckStore(database)
    later = result("disk", 5, CheckState.CRITICAL)
    await store.save_results([result("disk", 0), later, result("memory", 1)])
    await store.save_results([result("disk", 2)])
    assert await store.latest_results() == [later, result("memory", 1)]
    assert [item.checked_at.minute for item in await store.history("disk", NOON + timedelta(minutes=1))] == [2, 5]
    assert await store.delete_before(NOON + timedelta(minutes=2)) == 2
    assert [item.name for item in await store.latest_results()] == ["disk"]
