"""The journal: durable, ordered, whole after every kind of crash."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controlplane.adapters import journal_files as files
from controlplane.adapters.journal import SegmentJournal, read_left_over
from controlplane.services.ports import JournalPosition, StorageFull

SEGMENT_BYTES = 4096


@asynccontextmanager
async def opened(folder: Path, max_bytes: int = 10_000_000) -> AsyncIterator[SegmentJournal]:
    journal = SegmentJournal(folder, max_bytes, SEGMENT_BYTES)
    journal.open()
    try:
        yield journal
    finally:
        await journal.close()


async def read_all(journal: SegmentJournal, max_bytes: int = 1_000_000) -> list[bytes]:
    records: list[bytes] = []
    position = journal.start()
    while position < journal.end():
        batch = await journal.read(position, max_bytes)
        records += batch.records
        position = batch.end
    return records


async def append_all(journal: SegmentJournal, records: list[bytes]) -> None:
    await asyncio.gather(*(journal.append(record) for record in records))


RECORDS = [f"record {number} ".encode() * (number % 30 + 1) for number in range(200)]


async def test_what_was_appended_is_read_in_order_across_segments(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await append_all(journal, RECORDS)
        for record in RECORDS[:50]:
            await journal.append(record)
        assert await read_all(journal) == RECORDS + RECORDS[:50]
        assert await read_all(journal, max_bytes=1) == RECORDS + RECORDS[:50]
        assert journal.pending_records == 250
        assert len(files.segment_numbers(tmp_path)) > 1


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await append_all(journal, RECORDS)
        identity = journal.journal_id
    async with opened(tmp_path) as journal:
        assert journal.journal_id == identity
        assert journal.pending_records == len(RECORDS)
        await journal.append(b"later")
        assert await read_all(journal) == [*RECORDS, b"later"]
    assert list(read_left_over(tmp_path)) == [*RECORDS, b"later"]


async def test_moved_segments_are_deleted_and_the_rest_is_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for record in RECORDS:
            await journal.append(record)
        first = await journal.read(journal.start(), 6000)
        await journal.discard_before(first.end, len(first.records))
        assert journal.pending_records == len(RECORDS) - len(first.records)
        batch = await journal.read(first.end, 6000)
        position = batch.end
    async with opened(tmp_path) as journal:
        await journal.discard_before(position, None)
        assert journal.pending_records == len(RECORDS) - len(first.records) - len(batch.records)


@pytest.mark.parametrize("garbage", [b"\x01", b"\xff" * 7, b"\x05\x00\x00\x00abcdhello", b"\x00" * 100 + b"x"])
async def test_a_torn_end_is_cut(tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(b"whole")
    last = files.segment_path(tmp_path, files.segment_numbers(tmp_path)[-1])
    with last.open("ab") as segment:
        segment.write(garbage)
    async with opened(tmp_path) as journal:
        assert await read_all(journal) == [b"whole"]
        await journal.append(b"next")
        assert await read_all(journal) == [b"whole", b"next"]
    assert "was incomplete and was cut" in caplog.text


async def test_zeros_that_were_prepared_are_no_torn_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(b"whole")
    last = files.segment_path(tmp_path, files.segment_numbers(tmp_path)[-1])
    with last.open("ab") as segment:
        segment.write(bytes(1000))
    async with opened(tmp_path) as journal:
        assert await read_all(journal) == [b"whole"]
    assert "cut" not in caplog.text


async def test_damage_in_a_finished_segment_costs_only_the_rest_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as journal:
        for record in RECORDS:
            await journal.append(record)
    first = files.segment_path(tmp_path, files.segment_numbers(tmp_path)[0])
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 0xFF
    first.write_bytes(content)
    async with opened(tmp_path) as journal:
        found = await read_all(journal)
    assert found[0] == RECORDS[0]
    assert found[-1] == RECORDS[-1]
    assert set(found) < set(RECORDS)
    assert first.with_suffix(".damaged").exists()
    assert "is damaged" in caplog.text


async def test_many_appends_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (syncs.append(descriptor), sync(descriptor)))
    async with opened(tmp_path) as journal:
        await append_all(journal, [b"x"] * 1000)
    assert len(syncs) == 1


async def test_records_of_later_turns_are_gathered_while_more_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (syncs.append(descriptor), sync(descriptor)))

    async def later(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await journal.append(b"x")

    async with opened(tmp_path) as journal:
        await asyncio.gather(*(later(turns) for turns in range(4)))
        assert len(syncs) == 1
        await journal.append(b"x")
        assert len(syncs) == 2


async def test_a_failed_write_is_refused_and_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(b"before")
        write = os.pwrite

        def torn(descriptor: int, content: bytes, offset: int) -> int:
            write(descriptor, content[:5], offset)
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", torn)
            with pytest.raises(StorageFull, match="No space left"):
                await journal.append(b"refused")
            assert journal.last_error == "No space left on device"
        await journal.append(b"after")
        assert journal.last_error is None
        assert await read_all(journal) == [b"before", b"after"]
    assert list(read_left_over(tmp_path)) == [b"before", b"after"]


async def test_after_a_failed_sync_another_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(b"before")

        def failing(descriptor: int) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", failing)
            with pytest.raises(StorageFull, match="Input/output error"):
                await journal.append(b"refused")
        await journal.append(b"after")
        assert await read_all(journal) == [b"before", b"after"]
    assert len(files.segment_numbers(tmp_path)) == 2


async def test_the_journal_keeps_to_its_limit(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=1000) as journal:
        await journal.append(b"x" * 900)
        with pytest.raises(StorageFull, match="limit of 1000 bytes"):
            await journal.append(b"x" * 200)
        await journal.append(b"x" * 50)


async def test_waiting_ends_with_the_next_record(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        waiting = asyncio.create_task(journal.wait_for_records(journal.start()))
        await asyncio.sleep(0)
        assert not waiting.done()
        await journal.append(b"x")
        await asyncio.wait_for(waiting, 5)


async def test_a_journal_that_closes_keeps_what_still_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        waiting = [asyncio.ensure_future(journal.append(b"late")) for _ in range(50)]
    await asyncio.gather(*waiting)
    assert list(read_left_over(tmp_path)) == [b"late"] * 50


async def test_a_position_before_the_first_record_is_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(b"x")
        batch = await journal.read(JournalPosition(0, 0), 100)
        assert list(batch.records) == [b"x"]
