"""Store, read and delete memories."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from mcp_server.domain.memory import Added, Filter, Memory, NewMemory
from mcp_server.errors import NotFound
from mcp_server.services.indexer import Indexer
from mcp_server.services.ports import Clock, MemoryStore


@dataclass(frozen=True, slots=True)
class Stored:
    """Outcome of storing: one entry per memory, and whether all can be found by meaning already."""

    added: list[Added]
    indexed: bool


class Memories:
    """Reads and writes memories; PostgreSQL's commit is what counts, vectors follow."""

    def __init__(self, store: MemoryStore, indexer: Indexer, clock: Clock) -> None:
        self._store = store
        self._indexer = indexer
        self._clock = clock

    async def store(self, memories: Sequence[NewMemory]) -> Stored:
        """Keep memories, all or none. Raises StoreUnavailable."""
        now = self._clock()
        added = await self._store.add(memories, now)
        fresh = [
            Memory(outcome.id, memory.session, memory.kind, memory.content, memory.metadata, now)
            for outcome, memory in zip(added, memories, strict=True)
            if outcome.created
        ]
        return Stored(added, await self._indexer.index_now(fresh) if fresh else True)

    async def recent(self, chosen: Filter, limit: int) -> list[Memory]:
        """Newest first. Raises StoreUnavailable."""
        return await self._store.recent(chosen, limit)

    async def get(self, id: UUID) -> Memory:
        """One memory. Raises NotFound, StoreUnavailable."""
        found = await self._store.get([id])
        if not found:
            raise NotFound(f"memory {id}: there is none with this id", hint="search or recent give ids")
        return found[0]

    async def delete(self, ids: Sequence[UUID]) -> list[UUID]:
        """Delete and return the ids that existed. Raises StoreUnavailable."""
        deleted = await self._store.delete(ids)
        self._indexer.wake()
        return deleted
