"""Keeps the vectors in step with PostgreSQL.

Storing or deleting a memory leaves an entry in the outbox in the same transaction. The indexer does the vector work
and takes the entry out afterwards, so that neither a crash nor an outage loses anything: what was not taken out is
done again, and doing it twice does no harm. All vector writes of a process pass through here, one at a time.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID, uuid4

from mcp_server.domain.memory import Collection, Memory, Point
from mcp_server.errors import MemoryServerError, ModelMismatch
from mcp_server.services.ports import Embedder, MemoryStore, VectorStore

logger = logging.getLogger(__name__)

BATCH = 500
# New vectors can be searched at once; making them durable is shared by all that came within this time.
FLUSH_SECONDS = 0.5
RETRY_SECONDS = 2.0
IDLE_SECONDS = 30.0


class IndexState(Enum):
    """Whether the vectors can be used."""

    UNKNOWN = "not opened yet"
    READY = "ready"
    MISMATCH = "made by another model"


@dataclass(frozen=True, slots=True)
class Repair:
    """What a comparison with PostgreSQL found: vectors that lacked and are enqueued, vectors too many and removed."""

    missing: int
    surplus: int


class Indexer:
    """Owns the writing side of the vector store."""

    def __init__(self, store: MemoryStore, vectors: VectorStore, embedder: Embedder) -> None:
        self._store = store
        self._vectors = vectors
        self._embedder = embedder
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._written: list[UUID] = []
        self._problem: MemoryServerError | None = None
        self.state = IndexState.UNKNOWN
        self.found: Collection | None = None

    def require_ready(self) -> None:
        """Raise what keeps the vectors from being used: ModelMismatch, or the last failure."""
        if self.state is IndexState.MISMATCH and self.found is not None:
            raise ModelMismatch(
                f"the vectors were made by {self.found.model}, the configured model is {self._embedder.name}",
                hint="run `claude-memory-mcp reindex`",
            )
        if self.state is not IndexState.READY:
            raise self._problem or MemoryServerError("the vectors are still being opened", hint="try again shortly")

    async def index_now(self, memories: Sequence[Memory]) -> bool:
        """Write the vectors of memories just stored. False when that must wait; the outbox remembers them."""
        if self.state is not IndexState.READY or not self._embedder.is_local:
            self._wake.set()
            return False
        try:
            async with self._lock:
                await self._write(memories)
        except MemoryServerError as error:
            self._note(error)
            return False
        return True

    def wake(self) -> None:
        """There is something in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                idle = not await self.step()
                pause = IDLE_SECONDS if idle else 0.0
            except MemoryServerError as error:
                self._note(error)
                pause = RETRY_SECONDS
            except Exception:
                # a bug must not end the task that all vectors depend on
                logger.exception("Vector work failed", extra={"action": "index"})
                pause = IDLE_SECONDS
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        """Wait until woken or for that long, then for more to come, so that one flush serves many."""
        if seconds:
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
                await asyncio.sleep(FLUSH_SECONDS)
            except TimeoutError:
                pass
        self._wake.clear()

    async def step(self) -> bool:
        """Do one batch of what is waiting. True when there was any; raises MemoryServerError."""
        async with self._lock:
            if self.state is not IndexState.READY:
                await self._open()
            if self.state is IndexState.MISMATCH:
                return False
            await self._settle_written()
            removed = await self._store.pending_deletions(BATCH)
            if removed:
                await self._vectors.delete(removed)
                await self._vectors.flush()
                await self._store.settle([], removed)
            memories = await self._store.pending(BATCH)
            if memories:
                await self._write(memories)
                await self._settle_written()
            return bool(removed or memories)

    async def finish(self) -> None:
        """Settle what was written, before the end."""
        async with self._lock:
            if self.state is IndexState.READY:
                await self._settle_written()

    async def reconcile(self) -> Repair:
        """Compare every id of both sides now, whatever the counts say, as after a restore. Raises MemoryServerError."""
        async with self._lock:
            if self.state is not IndexState.READY:
                await self._open()
            self.require_ready()
            return await self._repair()

    async def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Make all vectors anew with the configured model. Returns how many; raises MemoryServerError."""
        async with self._lock:
            await self._restart()
        total = await self._store.pending_count()
        while await self.step():
            if progress is not None:
                progress(total - await self._store.pending_count(), total)
        return total

    async def _open(self) -> None:
        """Find out what the vectors are, and make them match PostgreSQL."""
        self.found = await self._vectors.collection()
        if self.found is None:
            await self._restart()
        elif not self.found.made_by(self._embedder.name, self._embedder.dimension):
            self.state = IndexState.MISMATCH
            logger.warning(
                "The vectors were made by another model; run claude-memory-mcp reindex",
                extra={"action": "index", "found": self.found.model, "configured": self._embedder.name},
            )
            return
        elif await self._store.collection() != self.found:
            await self._restart()
        else:
            await self._reconcile()
        self.state, self._problem = IndexState.READY, None
        logger.info("The vectors are ready", extra={"action": "index"})

    async def _restart(self) -> None:
        """Start an empty collection and enqueue everything."""
        collection = Collection(self._embedder.name, self._embedder.dimension, uuid4())
        self._written.clear()
        await self._vectors.recreate(collection)
        await self._store.start_collection(collection)
        self.found, self.state, self._problem = collection, IndexState.READY, None
        self._wake.set()

    async def _reconcile(self) -> None:
        """Compare both sides, as after a restore of one of them: enqueue what lacks, remove what is too much."""
        counts = await self._store.counts()
        if abs(await self._vectors.count() - counts.memories) <= counts.pending_vectors:
            return
        await self._repair()

    async def _repair(self) -> Repair:
        stored = {id async for page in self._vectors.ids() for id in page}
        known = {id async for page in self._store.indexed_ids() for id in page}
        missing = list(known - stored)
        surplus = await self._not_in_store(list(stored - known))
        if missing:
            await self._store.enqueue(missing)
            self._wake.set()
        if surplus:
            await self._vectors.delete(surplus)
        if missing or surplus:
            logger.warning(
                "The vectors did not match PostgreSQL and were repaired",
                extra={"action": "reconcile", "missing": len(missing), "surplus": len(surplus)},
            )
        return Repair(len(missing), len(surplus))

    async def _not_in_store(self, ids: Sequence[UUID]) -> list[UUID]:
        existing: set[UUID] = set()
        for start in range(0, len(ids), BATCH):
            existing |= {memory.id for memory in await self._store.get(ids[start : start + BATCH])}
        return [id for id in ids if id not in existing]

    async def _write(self, memories: Sequence[Memory]) -> None:
        vectors = await self._embedder.embed([memory.content for memory in memories])
        points = [_point(memory, vector) for memory, vector in zip(memories, vectors, strict=True)]
        await self._vectors.upsert(points)
        self._written += [memory.id for memory in memories]
        self._wake.set()

    async def _settle_written(self) -> None:
        """Make what was written durable, and only then take it out of the outbox."""
        if self._written:
            await self._vectors.flush()
            await self._store.settle(self._written, [])
            self._written.clear()

    def _note(self, error: MemoryServerError) -> None:
        if self._problem is None or self._problem.code != error.code:
            logger.warning("Vector work is put off", extra={"action": "index", "reason": error.message})
        self._problem = error
        if error.code != "postgresql_unavailable" and self.state is IndexState.READY:
            self.state = IndexState.UNKNOWN


def _point(memory: Memory, vector: list[float]) -> Point:
    return Point(memory.id, vector, memory.session, memory.kind, memory.created_at)
