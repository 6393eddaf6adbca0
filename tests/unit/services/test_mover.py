"""Moving the journal into a store that is away, refuses, or forgets to say that it committed."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from controlplane.adapters.journal import SegmentJournal
from controlplane.domain.alert import Alert, AlertFilter, StateChange
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.mover import Mover
from controlplane.services.ports import JournalBatch, JournalPosition, PositionMoved, StoreRejected


class FakeStore:
    """Keeps records and positions as one transaction would; ``faults`` are raised in turn."""

    name = "fake"

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.positions: dict[str, JournalPosition] = {}
        self.faults: list[CmctlError | None] = []
        self.commits_before_fault = False
        self.refuses: bytes | None = None

    async def journal_position(self, journal_id: str, start: JournalPosition) -> JournalPosition:
        return self.positions.setdefault(journal_id, start)

    async def move(self, journal_id: str, batch: JournalBatch) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not self.commits_before_fault:
            raise fault
        if self.positions[journal_id] != batch.start:
            raise PositionMoved("moved")
        if self.refuses is not None and self.refuses in batch.records:
            raise StoreRejected("refused for good")
        self.records += batch.records
        self.positions[journal_id] = batch.end
        if fault is not None:
            raise fault

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        return []

    async def history(self, fingerprint: str) -> list[StateChange]:
        return []

    async def delete_resolved_before(self, moment: datetime) -> int:
        return 0


class Kept:
    """Remembers what was set aside."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def keep(self, body: bytes, reason: str) -> str:
        self.bodies.append(body)
        return "kept"


RECORDS = [str(number).encode() for number in range(100)]


async def filled(folder: Path) -> SegmentJournal:
    journal = SegmentJournal(folder, segment_bytes=256)
    journal.open()
    for record in RECORDS:
        await journal.append(record)
    return journal


async def test_everything_moves_once_in_order(tmp_path: Path) -> None:
    journal, store = await filled(tmp_path), FakeStore()
    mover = Mover(journal, store, Kept())
    assert await mover.move_pending() == len(RECORDS)
    assert await mover.move_pending() == 0
    await journal.close()
    assert store.records == RECORDS
    assert journal.pending_records == 0


async def test_a_restart_between_commit_and_deletion_moves_nothing_twice(tmp_path: Path) -> None:
    journal, store = await filled(tmp_path), FakeStore()
    batch = await journal.read(journal.start(), 200)
    await store.journal_position(journal.journal_id, journal.start())
    await store.move(journal.journal_id, batch)
    await journal.close()  # as if killed here: nothing was deleted
    journal = SegmentJournal(tmp_path, segment_bytes=256)
    journal.open()
    await Mover(journal, store, Kept()).move_pending()
    await journal.close()
    assert store.records == RECORDS
    assert journal.pending_records == 0


@pytest.mark.parametrize("commits_before_fault", [False, True])
async def test_an_answer_that_got_lost_moves_nothing_twice(tmp_path: Path, commits_before_fault: bool) -> None:
    journal, store = await filled(tmp_path), FakeStore()
    store.faults = [DependencyUnreachable("lost"), None, DependencyUnreachable("lost again")]
    store.commits_before_fault = commits_before_fault
    mover = Mover(journal, store, Kept())
    for _ in range(2):
        with pytest.raises(DependencyUnreachable):
            await mover.move_pending()
    await mover.move_pending()
    await journal.close()
    assert store.records == RECORDS


async def test_a_record_that_the_store_refuses_is_set_aside_alone(tmp_path: Path) -> None:
    journal, store, kept = await filled(tmp_path), FakeStore(), Kept()
    store.refuses = RECORDS[42]
    mover = Mover(journal, store, kept)
    await mover.move_pending()
    await journal.close()
    assert kept.bodies == [RECORDS[42]]
    assert store.records == [record for record in RECORDS if record != RECORDS[42]]
    assert mover.refused_records == 1
    assert journal.pending_records == 0


async def test_a_journal_put_back_from_an_old_copy_starts_anew(tmp_path: Path) -> None:
    journal, store = await filled(tmp_path), FakeStore()
    store.positions[journal.journal_id] = JournalPosition(99_999, 7)
    await Mover(journal, store, Kept()).move_pending()
    await journal.close()
    assert store.records == RECORDS


async def test_the_mover_waits_for_the_store_and_then_catches_up(tmp_path: Path) -> None:
    journal, store = await filled(tmp_path), FakeStore()
    store.faults = [DependencyUnreachable("away")] * 3
    mover = Mover(journal, store, Kept())
    running = asyncio.create_task(mover.run())
    assert await mover.wait_until_moved(timeout_seconds=20)
    await journal.append(b"later")
    assert await mover.wait_until_moved(timeout_seconds=20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await journal.close()
    assert store.records == [*RECORDS, b"later"]
    assert mover.last_error is None


async def test_while_alerts_pour_in_the_mover_rests_unless_somebody_waits_or_room_is_scarce(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.services.mover.BATCH_BYTES", 1)
    monkeypatch.setattr("controlplane.services.mover.FEW_BYTES", 0)
    monkeypatch.setattr("controlplane.services.mover.RESTS", 1e9)
    monkeypatch.setattr("controlplane.services.mover.LONGEST_REST_SECONDS", 1e9)
    journal, store = await filled(tmp_path), FakeStore()
    mover = Mover(journal, store, Kept())
    running = asyncio.create_task(mover.run())
    for _ in range(50):
        await journal.append(b"more")
    assert mover.moved_records < len(RECORDS)
    pouring = asyncio.create_task(_pour(journal))
    assert await mover.wait_until_moved(timeout_seconds=20), "somebody waits"
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)

    monkeypatch.setattr("controlplane.services.mover.ROOMY_FILL", 0.0)
    pouring = asyncio.create_task(_pour(journal))
    already = mover.moved_records
    async with asyncio.timeout(20):
        while mover.moved_records < already + 50:  # noqa: ASYNC110 - nothing tells of single records
            await asyncio.sleep(0.001)
    for task in (pouring, running):
        task.cancel()
    await asyncio.gather(pouring, running, return_exceptions=True)
    await journal.close()


async def _pour(journal: SegmentJournal) -> None:
    while True:
        await journal.append(b"more")


async def test_waiting_for_a_store_that_is_away_ends(tmp_path: Path) -> None:
    journal = await filled(tmp_path)
    assert not await Mover(journal, FakeStore(), Kept()).wait_until_moved(timeout_seconds=0.01)
    await journal.close()
