"""Fakes at the memory server's Protocols, for unit tests."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from mcp_server.domain.memory import Added, Collection, Counts, Filter, Memory, NewMemory, Point
from mcp_server.domain.terms import terms_of
from mcp_server.domain.weights import TermStatistics, WeightedTerms
from mcp_server.errors import StoreUnavailable, VectorsUnavailable

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


class FakeStore:
    """A MemoryStore in memory; ``is_down`` makes every method raise StoreUnavailable."""

    def __init__(self) -> None:
        self.memories: dict[UUID, Memory] = {}
        self.outbox: dict[UUID, bool] = {}
        self.described: Collection | None = None
        self.is_down = False

    def _look(self) -> None:
        if self.is_down:
            raise StoreUnavailable("PostgreSQL is down")

    async def add(self, memories: Sequence[NewMemory], now: datetime) -> list[Added]:
        self._look()
        added = []
        for new in memories:
            memory = Memory(uuid4(), new.session, new.kind, new.content, new.metadata, now)
            self.memories[memory.id] = memory
            self.outbox[memory.id] = False
            added.append(Added(memory.id, True))
        return added

    async def get(self, ids: Sequence[UUID]) -> list[Memory]:
        self._look()
        return [self.memories[id] for id in ids if id in self.memories]

    async def recent(self, chosen: Filter, limit: int) -> list[Memory]:
        self._look()
        return list(self.memories.values())[::-1][:limit]

    async def delete(self, ids: Sequence[UUID]) -> list[UUID]:
        self._look()
        gone = [id for id in ids if self.memories.pop(id, None)]
        self.outbox.update(dict.fromkeys(gone, True))
        return gone

    async def keyword(self, query: WeightedTerms, chosen: Filter, limit: int) -> list[UUID]:
        self._look()
        required = set(query.required)
        return [id for id, memory in self.memories.items() if required & set(terms_of(memory.content))][:limit]

    async def term_statistics(self) -> TermStatistics:
        self._look()
        return TermStatistics()

    async def pending(self, limit: int) -> list[Memory]:
        self._look()
        return [self.memories[id] for id, deleted in self.outbox.items() if not deleted][:limit]

    async def pending_deletions(self, limit: int) -> list[UUID]:
        self._look()
        return [id for id, deleted in self.outbox.items() if deleted][:limit]

    async def settle(self, written: Sequence[UUID], removed: Sequence[UUID]) -> None:
        self._look()
        self.outbox = {
            id: deleted for id, deleted in self.outbox.items() if id not in (set(removed) if deleted else set(written))
        }

    async def enqueue(self, missing: Sequence[UUID]) -> None:
        self._look()
        self.outbox.update({id: False for id in missing if id in self.memories})

    async def collection(self) -> Collection | None:
        self._look()
        return self.described

    async def start_collection(self, collection: Collection) -> None:
        self._look()
        self.described = collection
        self.outbox = dict.fromkeys(self.memories, False)

    async def indexed_ids(self) -> AsyncIterator[list[UUID]]:
        self._look()
        yield [id for id in self.memories if id not in self.outbox]

    async def pending_count(self) -> int:
        self._look()
        return len(self.outbox)

    async def counts(self) -> Counts:
        self._look()
        return Counts(len(self.memories), 1, {}, None, None, len(self.outbox), 0)

    async def database_size_bytes(self) -> int:
        self._look()
        return 1


class FakeVectors:
    """A VectorStore in memory that loses on ``crash`` what was not flushed."""

    def __init__(self) -> None:
        self.points: dict[UUID, Point] = {}
        self.durable: dict[UUID, Point] = {}
        self.described: Collection | None = None
        self.is_down = False

    def _look(self) -> None:
        if self.is_down:
            raise VectorsUnavailable("Qdrant is down")

    def crash(self) -> None:
        self.points = dict(self.durable)

    async def collection(self) -> Collection | None:
        self._look()
        return self.described

    async def recreate(self, collection: Collection) -> None:
        self._look()
        self.described, self.points, self.durable = collection, {}, {}

    async def upsert(self, points: Sequence[Point]) -> None:
        self._look()
        self.points.update({point.id: point for point in points})

    async def delete(self, ids: Sequence[UUID]) -> None:
        self._look()
        for id in ids:
            self.points.pop(id, None)

    async def flush(self) -> None:
        self._look()
        self.durable = dict(self.points)

    async def search(self, vector: Sequence[float], chosen: Filter, limit: int) -> list[UUID]:
        self._look()
        return list(self.points)[:limit]

    async def count(self) -> int:
        self._look()
        return len(self.points)

    async def ids(self) -> AsyncIterator[list[UUID]]:
        self._look()
        yield list(self.points)

    def revision(self) -> None:
        """Not known."""

    async def copy(self) -> None:
        """Nothing is on disk."""

    async def close(self) -> None:
        """Nothing is open."""


class FakeEmbedder:
    """An Embedder whose vectors say how long a text is."""

    def __init__(self, name: str = "fake", is_local: bool = True) -> None:
        self.name = name
        self.dimension = 2
        self.is_local = is_local

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, float(len(text))] for text in texts]

    async def close(self) -> None:
        """Nothing is open."""
