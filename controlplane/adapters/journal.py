"""The journal of accepted alerts: append-only segment files, made durable by group commit.

One thread writes (``journal_writer.py``): many concurrent posts share one
sync, and a slow disk never stops the event loop.
"""

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import Awaitable, Iterator
from pathlib import Path

from controlplane.adapters import journal_files as files
from controlplane.adapters.journal_writer import JournalWriter, Outcome, Waiting
from controlplane.services.ports import JournalBatch, JournalPosition, StorageFull

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 8 * 1024 * 1024
MAX_WAITING_BYTES = 64 * 1024 * 1024
# A sync costs about as much as taking a few alerts, and the writing thread and the event loop share the interpreter: a
# batch is handed over when a turn of the loop brought no more, or after some turns, or when it is large by itself.
GATHER_TURNS = 8
ENOUGH_BYTES = 64 * 1024


class SegmentJournal:
    """Implements AlertJournal in a folder. Use from one event loop; one process at a time per folder."""

    def __init__(self, folder: Path, max_bytes: int = 1024 * 1024 * 1024, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._writer: JournalWriter
        self._is_open = False
        self._gathered: list[Waiting] = []
        self._is_writing = False
        self._waiting_bytes = 0
        self._durable = asyncio.Event()
        self._lengths: dict[int, int] = {}  # durable length of each segment that is still here
        self.journal_id = ""
        self.pending_records = 0
        self._counted_to = JournalPosition(0, 0)
        self.last_error: str | None = None

    # -- opening and closing

    def open(self) -> None:
        """Check what is there, cut a torn end, and start the writer. Call inside the event loop.

        Raises OSError when the folder cannot be used.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.journal_id = self._read_identity() or self._write_identity()
        self._lengths = self._take_stock()
        self._counted_to = self.start()
        self.pending_records = self._count(self.start(), self.end())
        self._loop = asyncio.get_running_loop()
        last_segment = max(self._lengths, default=0)
        self._writer = JournalWriter(self._folder, last_segment, self._segment_bytes, self._report)
        self._writer.start()
        self._is_open = True

    def _take_stock(self) -> dict[int, int]:
        """Lengths of the segments that hold something; only the last can have a torn end."""
        numbers = files.segment_numbers(self._folder)
        while numbers and not (size := files.segment_path(self._folder, numbers[-1]).stat().st_size):
            files.segment_path(self._folder, numbers.pop()).unlink()
        lengths = {number: files.segment_path(self._folder, number).stat().st_size for number in numbers}
        if numbers:
            lengths[numbers[-1]] = self._cut_torn_end(files.segment_path(self._folder, numbers[-1]), size)
        return lengths

    def _cut_torn_end(self, path: Path, size: int) -> int:
        sound, only_zeros_follow = files.sound_length(path)
        if not only_zeros_follow:
            logger.warning(
                "The end of a journal segment was incomplete and was cut",
                extra={"action": "cut_journal", "segment": path.name, "bytes": size - sound},
            )
        if sound < size:
            files.cut(path, sound)
        return sound

    def _read_identity(self) -> str:
        try:
            return (self._folder / "id").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def _write_identity(self) -> str:
        identity = uuid.uuid4().hex
        partial = self._folder / "id.partial"
        with partial.open("w", encoding="ascii") as file:
            file.write(identity)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._folder / "id")
        files.sync_folder(self._folder)
        return identity

    async def renew_identity(self) -> None:
        """Become a journal that no store has seen."""
        self.journal_id = await asyncio.to_thread(self._write_identity)

    async def close(self) -> None:
        """Write what still waits, then stop the writer."""
        if self._is_open:
            self._is_open = False
            self._write_gathered()
            await asyncio.to_thread(self._writer.stop)

    # -- writing

    def append(self, record: bytes) -> Awaitable[None]:
        """Write a record, which must not be empty; done once it is on disk. Raises StorageFull."""
        if self._waiting_bytes + len(record) > MAX_WAITING_BYTES:
            raise StorageFull("the journal's disk is too slow for what comes in")
        if sum(self._lengths.values()) + self._waiting_bytes + len(record) > self._max_bytes:
            raise StorageFull(f"the journal has reached its limit of {self._max_bytes} bytes")
        future: asyncio.Future[None] = self._loop.create_future()
        framed = files.frame(record)
        self._waiting_bytes += len(framed)
        self._gathered.append((framed, future))
        if not self._is_writing:
            self._is_writing = True
            self._loop.call_soon(self._gather, 0, GATHER_TURNS)
        return future

    def _gather(self, seen: int, turns: int) -> None:
        """Hand over what waits, or look again after a turn of the event loop if this one brought more."""
        if turns and len(self._gathered) > seen and self._waiting_bytes < ENOUGH_BYTES:
            self._loop.call_soon(self._gather, len(self._gathered), turns - 1)
        else:
            self._write_gathered()

    def _write_gathered(self) -> None:
        batch, self._gathered = self._gathered, []
        self._is_writing = bool(batch)
        if batch:
            self._writer.put(batch)

    def _report(self, batch: list[Waiting], outcome: Outcome) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish, batch, outcome)

    def _finish(self, batch: list[Waiting], result: Outcome) -> None:
        """Back in the event loop: publish the new length, then tell the senders."""
        self._waiting_bytes -= sum([len(framed) for framed, _ in batch])
        failure = None
        if isinstance(result, OSError):
            failure = self._note_failure(result)
        else:
            segment, length = result
            self._lengths[segment] = length
            self.pending_records += len(batch)
            self.last_error = None
            self._durable.set()
        for _, future in batch:
            if future.done():
                continue
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)
        self._gather(0, GATHER_TURNS)

    def _note_failure(self, error: OSError) -> StorageFull:
        if self.last_error is None:
            logger.error(
                "The journal cannot be written; alerts are refused until it can",
                extra={"action": "write_journal", "problem": str(error)},
            )
        self.last_error = error.strerror or str(error)
        return StorageFull(f"the journal cannot be written: {self.last_error}")

    # -- reading

    @property
    def fill(self) -> float:
        """Share of the room that is taken, 0 to 1."""
        return sum(self._lengths.values()) / self._max_bytes

    def start(self) -> JournalPosition:
        """Position of the oldest record that is still here."""
        return JournalPosition(min(self._lengths, default=1), 0)

    def end(self) -> JournalPosition:
        """Position behind the last durable record."""
        filled = [number for number, length in self._lengths.items() if length]
        if not filled:
            return self.start()
        return JournalPosition(max(filled), self._lengths[max(filled)])

    async def read(self, start: JournalPosition, max_bytes: int) -> JournalBatch:
        """Durable records from a position on, at least one when there is any."""
        position = self._skip_finished(start)
        limit = self._lengths.get(position.segment, 0)
        path = files.segment_path(self._folder, position.segment)
        if position.offset >= limit:
            return JournalBatch((), start, position)
        chunk = await asyncio.to_thread(files.read_chunk, path, position.offset, limit, max_bytes)
        if not chunk:
            return self._pass_over_damage(start, position, limit)
        return JournalBatch([record for record, _ in chunk], start, JournalPosition(position.segment, chunk[-1][1]))

    def _skip_finished(self, position: JournalPosition) -> JournalPosition:
        """The same place, told as the beginning of the next segment when the one before is at its end."""
        while position.offset >= self._lengths.get(position.segment, 0):
            later = [number for number, length in self._lengths.items() if number > position.segment and length]
            if not later:
                return position
            position = JournalPosition(min(later), 0)
        return position

    def _pass_over_damage(self, start: JournalPosition, at: JournalPosition, limit: int) -> JournalBatch:
        """The disk gave back something else than was written: keep the file, go on behind it."""
        path = files.segment_path(self._folder, at.segment)
        damaged = path.with_suffix(".damaged")
        with contextlib.suppress(OSError):
            damaged.hardlink_to(path)
        logger.error(
            "A journal segment is damaged; the rest of it is left out",
            extra={"action": "skip_damage", "segment": damaged.name, "offset": at.offset},
        )
        return JournalBatch((), start, JournalPosition(at.segment, limit))

    async def wait_for_records(self, position: JournalPosition) -> None:
        """Return once there is a durable record behind the position."""
        while self._at_end(position):
            self._durable.clear()
            await self._durable.wait()

    def _at_end(self, position: JournalPosition) -> bool:
        position = self._skip_finished(position)
        return position.offset >= self._lengths.get(position.segment, 0)

    async def discard_before(self, position: JournalPosition, records: int | None) -> None:
        """Forget what was moved and delete whole segments before the position."""
        if records is None:
            records = await asyncio.to_thread(self._count, self._counted_to, position)
        self.pending_records -= records
        self._counted_to = position
        old = [number for number in self._lengths if number < position.segment]
        for number in old:
            del self._lengths[number]
            files.segment_path(self._folder, number).unlink(missing_ok=True)

    def _count(self, start: JournalPosition, end: JournalPosition) -> int:
        count = 0
        for number, length in sorted(self._lengths.items()):
            if start.segment <= number <= end.segment:
                first = start.offset if number == start.segment else 0
                last = end.offset if number == end.segment else length
                count += files.count_frames(files.segment_path(self._folder, number), first, last)
        return count


def read_left_over(folder: Path) -> Iterator[bytes]:
    """Every undamaged record in a journal's folder, without changing it; for when no daemon runs."""
    for number in files.segment_numbers(folder):
        with contextlib.suppress(FileNotFoundError):  # moved and deleted while we look
            content = files.segment_path(folder, number).read_bytes()
            yield from (record for record, _ in files.read_frames(content))
