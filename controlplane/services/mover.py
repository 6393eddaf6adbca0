"""Moving accepted alerts from the journal into the store, each exactly once."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.ports import (
    AlertJournal,
    AlertStore,
    JournalBatch,
    JournalPosition,
    PositionMoved,
    RejectedBodies,
    StoreRejected,
)

logger = logging.getLogger(__name__)

BATCH_BYTES = 1024 * 1024
# Few alerts are moved soon, since people wait to be told of them; in a storm a transaction takes many.
SOON_SECONDS = 0.05
GATHER_SECONDS = 0.2
FEW_BYTES = 16 * 1024
# While alerts pour in, taking them comes first: after a batch the mover rests for a few times as long as that took,
# unless the journal fills up. What is left is moved at full speed once it is over.
RESTS = 4
LONGEST_REST_SECONDS = 1.0
GLANCE_SECONDS = 0.05
ROOMY_FILL = 0.5
FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 2.0


class Mover:
    """Copies journal records into the store; waits out a store that is away."""

    def __init__(
        self,
        journal: AlertJournal,
        store: AlertStore,
        rejected: RejectedBodies,
        on_moved: Callable[[bool], None] = lambda is_all: None,
    ) -> None:
        """``on_moved`` is called whenever records have arrived in the store, with whether these were the last."""
        self._journal = journal
        self._store = store
        self._rejected = rejected
        self._on_moved = on_moved
        self._position: JournalPosition | None = None
        self._lock = asyncio.Lock()
        self._moved = asyncio.Condition()
        self._waiting = 0
        self._hurry = asyncio.Event()  # set while somebody waits
        self._moved_bytes = 0
        self.moved_records = 0
        self.refused_records = 0
        self.last_error: str | None = None

    async def run(self) -> None:
        """Move for ever: at once when there are records, again after a pause when the store is away."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                await self.move_pending(gently=True)
                pause = FIRST_RETRY_SECONDS
                await self._journal.wait_for_records(self._position or self._journal.start())
                await self._gather()
            except CmctlError as error:
                self._note_failure(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_RETRY_SECONDS)

    async def _gather(self) -> None:
        """Let a few more records come in, unless somebody waits: a transaction costs the same for many."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SOON_SECONDS if self._moved_bytes <= FEW_BYTES else GATHER_SECONDS):
                await self._hurry.wait()

    def _note_failure(self, error: CmctlError) -> None:
        if self.last_error is None:
            logger.warning(
                "Alerts stay in the journal for now", extra={"action": "move_journal", "problem": error.message}
            )
        self.last_error = error.message

    async def move_pending(self, gently: bool = False) -> int:
        """Move what is in the journal at this moment; returns how many records.

        ``gently`` leaves the processor to the alerts that come in meanwhile.
        Raises DependencyUnreachable when the store does not answer.
        """
        moved = moved_bytes = 0
        target = self._journal.end()
        async with self._lock:
            while (position := await self._known_position()) < target:
                started = time.monotonic()
                batch = await self._journal.read(position, BATCH_BYTES)
                await self._move(batch)
                moved += len(batch.records)
                moved_bytes += sum([len(record) for record in batch.records])
                if gently and moved_bytes > FEW_BYTES:
                    await self._rest(time.monotonic() - started)
        self._moved_bytes = moved_bytes
        return moved

    async def _rest(self, worked_seconds: float) -> None:
        until = time.monotonic() + min(RESTS * worked_seconds, LONGEST_REST_SECONDS)
        before = None
        while self._journal.end() != before and self._journal.fill < ROOMY_FILL and time.monotonic() < until:
            before = self._journal.end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GLANCE_SECONDS):
                    await self._hurry.wait()
                    return

    async def wait_until_moved(self, timeout_seconds: float) -> bool:
        """Wait until all that is durable now is in the store; False when time is up or the store is away."""
        target = self._journal.end()
        if self._position is not None and self._position >= target:
            return True
        self._waiting += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: self._position is not None and self._position >= target)
                return True
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._hurry.clear()

    async def _known_position(self) -> JournalPosition:
        if self._position is None:
            start = self._journal.start()
            known = await self._store.journal_position(self._journal.journal_id, start)
            if known > self._journal.end():
                logger.error("The journal is older than the store knows it", extra={"action": "renew_journal"})
                await self._journal.renew_identity()
                known = await self._store.journal_position(self._journal.journal_id, start)
            self._position = max(start, known)
            await self._journal.discard_before(self._position, None)
        return self._position

    async def _move(self, batch: JournalBatch) -> None:
        try:
            await self._store.move(self._journal.journal_id, batch)
        except PositionMoved:
            self._position = None
            return
        except DependencyUnreachable:
            self._position = None  # the commit may have happened: ask again before the next try
            raise
        except StoreRejected as error:
            await self._split_or_set_aside(batch, error)
            return
        await self._note_moved(batch)

    async def _split_or_set_aside(self, batch: JournalBatch, error: StoreRejected) -> None:
        """Find the record the store refuses and keep it aside, so that it does not hold up the others."""
        if len(batch.records) > 1:
            for single in await self._one_by_one(batch):
                await self._move(single)
            return
        kept_as = self._rejected.keep(batch.records[0], error.message) if batch.records else ""
        self.refused_records += len(batch.records)
        logger.error(
            "The store refused alerts for good; they were set aside",
            extra={"action": "set_aside_record", "problem": error.message, "kept_as": kept_as},
        )
        empty = JournalBatch(records=(), start=batch.start, end=batch.end)
        await self._store.move(self._journal.journal_id, empty)
        await self._note_moved(batch)

    async def _one_by_one(self, batch: JournalBatch) -> list[JournalBatch]:
        singles = []
        position = batch.start
        while position < batch.end:
            single = await self._journal.read(position, 1)
            singles.append(single)
            position = single.end
        return singles

    async def _note_moved(self, batch: JournalBatch) -> None:
        async with self._moved:
            self._position = batch.end
            self._moved.notify_all()
        self.moved_records += len(batch.records)
        if self.last_error is not None:
            logger.info("Alerts are being moved to the store again", extra={"action": "move_journal"})
            self.last_error = None
        await self._journal.discard_before(batch.end, len(batch.records))
        self._on_moved(self._journal.pending_records == 0)
