"""Planned work: true in a real PostgreSQL whatever happens to it, to the record, or to whoever works."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.adapters.store.actions import PostgresActionLedger
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.maintenance import PostgresMaintenanceStore
from controlplane.adapters.work_records import ALIVE_SECONDS, WorkRecordFolder
from controlplane.domain.action import Action
from controlplane.domain.maintenance import Maintenance, Window
from controlplane.domain.planned_work import PlannedWork
from controlplane.errors import CmctlError, DependencyUnreachable, Refused
from controlplane.services.actions import ActionFilter
from controlplane.services.maintenance import WorkEnding, work_of
from controlplane.services.planned_work import KILLED, LAPSED, WorkDesk, WorkKeeper
from tests.support.stack import wait_until

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORK = PlannedWork("restore-1", "restore", "ada", "20250707T100000Z", "back to ten", ("api", "web"), NOON, HOUR)
OPENED = WORK.maintenance()
assert OPENED is not None


async def told(database: Database) -> tuple[list[Maintenance], list[Action]]:
    """What the database knows: maintenance, and the works of the ledger."""
    ledger = await PostgresActionLedger(database).list_actions(ActionFilter(kind="restore"))
    return await PostgresMaintenanceStore(database).all(), ledger


@pytest.fixture
def records(tmp_path: Path) -> WorkRecordFolder:
    (tmp_path / "planned-work").mkdir()
    return WorkRecordFolder(tmp_path / "planned-work")


@contextmanager
def a_killed_work(folder: Path) -> Iterator[datetime]:
    """A process that opened a work and was killed with -9 in the middle; yields when."""
    program = (
        "import sys, time; from pathlib import Path; from datetime import UTC, datetime, timedelta\n"
        "from controlplane.adapters.work_records import WorkRecordFolder\n"
        "from controlplane.domain.planned_work import PlannedWork\n"
        "work = PlannedWork('restore-1', 'restore', 'ada', 's', 'r', ('api',), datetime.now(UTC), timedelta(hours=4))\n"
        "with WorkRecordFolder(Path(sys.argv[1])).holding(work):\n"
        "    print('open', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        (held,) = WorkRecordFolder(folder).all()
        assert held.is_held
        wait_until(
            lambda: WorkRecordFolder(folder).all()[0].seen_at > held.seen_at, what="a sign of life while it works"
        )
        process.kill()
        process.wait()
        yield datetime.now(UTC)


async def test_the_window_and_the_ledger_have_the_true_times(database: Database, records: WorkRecordFolder) -> None:
    """The database saw the beginning, or it did not: it was replaced by an older one, or was away."""
    closed = WORK.closed(NOON + timedelta(minutes=7), "succeeded", "all good")
    for saw_the_beginning in (True, False):
        store = PostgresMaintenanceStore(database)
        if saw_the_beginning:
            await store.add(OPENED, [work_of(OPENED, "restore")])
        records.save(closed)
        assert await WorkKeeper(records, store, lambda: NOON + HOUR).run() == "1 works settled, 0 ran out"
        (window,), (action,) = await told(database)
        assert window.windows(NOON - HOUR, NOON + HOUR) == [Window(NOON, NOON + timedelta(minutes=7))]
        assert (window.entered_at, window.ended_by) == (NOON, "ada")
        assert (action.at, action.until, action.outcome) == (NOON, NOON + timedelta(minutes=7), "succeeded")
        assert (action.detail, action.key) == ("all good", "restore-1")
        async with database.connection() as connection:
            await connection.execute("TRUNCATE maintenance, actions")


async def test_a_restart_tells_a_replaced_database_and_a_running_one_nothing_twice(
    database: Database, records: WorkRecordFolder
) -> None:
    store = PostgresMaintenanceStore(database)
    records.save(WORK.closed(NOON, "failed", "oops"))
    keeper = WorkKeeper(records, store, lambda: NOON + HOUR)
    assert await keeper.run() == "1 works settled, 0 ran out"
    assert await keeper.run() == "0 works settled, 0 ran out"
    async with database.connection() as connection:
        await connection.execute("TRUNCATE maintenance, actions")  # as though an older one had taken its place
    assert await WorkKeeper(records, store, lambda: NOON + HOUR).run() == "1 works settled, 0 ran out"
    assert [len(found) for found in await told(database)] == [1, 1]
    later = WorkKeeper(records, store, lambda: NOON + timedelta(days=15))
    await later.run()
    await later.run()
    assert records.all() == []


async def test_what_somebody_ended_earlier_by_hand_stays_so(database: Database, records: WorkRecordFolder) -> None:
    store = PostgresMaintenanceStore(database)
    stored = await store.add(OPENED, [work_of(OPENED, "restore")])
    ended = replace(stored, ended_at=NOON + timedelta(minutes=1), ended_by="bob")
    assert await store.end(ended, Action(0, "maintenance", "bob", "", "ended", NOON, NOON, "succeeded"), WorkEnding())
    records.save(WORK.closed(NOON + timedelta(minutes=7), "succeeded", ""))
    await WorkKeeper(records, store, lambda: NOON + HOUR).run()
    assert (await told(database))[0] == [ended]


async def test_a_killed_work_ends_with_its_last_sign_of_life(database: Database, tmp_path: Path) -> None:
    records = WorkRecordFolder(tmp_path)
    store = PostgresMaintenanceStore(database)
    with a_killed_work(tmp_path) as killed_at:
        assert not records.all()[0].is_held
        await WorkKeeper(records, store, lambda: killed_at).run()
    (window,), (action,) = await told(database)
    assert window.ended_at is not None
    assert timedelta(0) <= killed_at - window.ended_at < timedelta(seconds=10 * ALIVE_SECONDS)
    assert (action.outcome, action.detail, action.until) == ("interrupted", KILLED, window.ended_at)


async def test_a_work_that_goes_on_is_left_alone(database: Database, records: WorkRecordFolder) -> None:
    with records.holding(WORK):
        assert await WorkKeeper(records, PostgresMaintenanceStore(database), lambda: NOON).run() == (
            "0 works settled, 0 ran out"
        )
        with pytest.raises(Refused), records.holding(WORK):
            raise AssertionError("held twice")


async def test_a_window_that_ran_out_interrupts_its_work(database: Database, records: WorkRecordFolder) -> None:
    store = PostgresMaintenanceStore(database)
    await store.add(OPENED, [work_of(OPENED, "restore")])
    assert await WorkKeeper(records, store, lambda: NOON + HOUR).run() == "0 works settled, 1 ran out"
    (action,) = (await told(database))[1]
    assert (action.outcome, action.until, action.detail) == ("interrupted", OPENED.ends_at, LAPSED)


async def test_without_services_only_the_ledger_knows(database: Database, records: WorkRecordFolder) -> None:
    records.save(replace(WORK, services=()).closed(NOON, "succeeded", ""))
    await WorkKeeper(records, PostgresMaintenanceStore(database), lambda: NOON).run()
    assert [len(found) for found in await told(database)] == [0, 1]


async def test_a_record_that_cannot_be_read_stops_nothing_else(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records = WorkRecordFolder(tmp_path)
    (tmp_path / "broken.json").write_text('{"key": ')
    records.save(WORK.closed(NOON, "succeeded", ""))
    assert await WorkKeeper(records, PostgresMaintenanceStore(database), lambda: NOON).run() == (
        "1 works settled, 0 ran out"
    )
    assert "cannot be read" in caplog.text


def test_nobody_to_tell_and_no_room_for_a_record_keep_nobody_from_working(tmp_path: Path) -> None:
    async def away(_: PlannedWork) -> None:
        raise DependencyUnreachable("nobody there")

    (tmp_path / "file").write_text("")
    notes: list[str] = []
    for place in (tmp_path / "file" / "below", tmp_path / "fine"):
        desk = WorkDesk(WorkRecordFolder(place), away, away, lambda: NOON, notes.append)
        with desk.doing(WORK) as working:
            working.detail = "done"
        with pytest.raises(CmctlError), desk.doing(WORK):
            raise CmctlError("the disk broke")
    assert any("not recorded" in note for note in notes)
    assert any("nobody there" in note for note in notes)
    (kept,) = WorkRecordFolder(tmp_path / "fine").all()
    assert (kept.work.outcome, kept.work.detail, kept.work.is_settled) == ("failed", "the disk broke", False)


def test_ctrl_c_is_an_interruption(records: WorkRecordFolder) -> None:
    async def taken(_: PlannedWork) -> None:
        return

    with pytest.raises(KeyboardInterrupt), WorkDesk(records, taken, taken, lambda: NOON, print).doing(WORK):
        raise KeyboardInterrupt
    (kept,) = records.all()
    assert (kept.work.outcome, kept.work.closed_at, kept.work.is_settled) == ("interrupted", NOON, True)
