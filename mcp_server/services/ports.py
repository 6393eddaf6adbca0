"""What the use cases need from the outside world. Adapters implement these Protocols."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from mcp_server.domain.memory import Added, Collection, Counts, Filter, Memory, NewMemory, Point
from mcp_server.domain.weights import TermStatistics, WeightedTerms


class MemoryStore(Protocol):
    """Memories and their outbox of vector work. Every method raises StoreUnavailable."""

    async def add(self, memories: Sequence[NewMemory], now: datetime) -> list[Added]:
        """Store all or none, with an outbox entry for each new one; one outcome per memory, in order."""

    async def get(self, ids: Sequence[UUID]) -> list[Memory]:
        """Those of the memories that exist, in the order asked for."""

    async def recent(self, chosen: Filter, limit: int) -> list[Memory]:
        """Newest first."""

    async def delete(self, ids: Sequence[UUID]) -> list[UUID]:
        """Delete, leave an outbox entry for the vectors, and return the ids that existed."""

    async def keyword(self, query: WeightedTerms, chosen: Filter, limit: int) -> list[UUID]:
        """Ids that hold at least one required term, best first."""

    async def term_statistics(self) -> TermStatistics:
        """Document frequencies of the commoner terms, from a sample."""

    async def pending(self, limit: int) -> list[Memory]:
        """Memories whose vectors are still to be written, oldest first."""

    async def pending_deletions(self, limit: int) -> list[UUID]:
        """Deleted memories whose vectors are still to be removed."""

    async def settle(self, written: Sequence[UUID], removed: Sequence[UUID]) -> None:
        """Take vector work that is done out of the outbox; an entry that changed meanwhile stays."""

    async def enqueue(self, missing: Sequence[UUID]) -> None:
        """Put memories into the outbox again."""

    async def collection(self) -> Collection | None:
        """The vectors that the outbox refers to."""

    async def start_collection(self, collection: Collection) -> None:
        """Remember a new, empty collection and put every memory into the outbox."""

    def indexed_ids(self) -> AsyncIterator[list[UUID]]:
        """Ids of all memories without vector work to do, page by page."""

    async def pending_count(self) -> int:
        """Length of the outbox."""

    async def counts(self) -> Counts:
        """What the store holds."""

    async def database_size_bytes(self) -> int:
        """Size of the database on disk. Proves that PostgreSQL answers."""


class VectorStore(Protocol):
    """Vectors by memory id. Every method raises VectorsUnavailable, or ShardInUse for a shard in process."""

    async def collection(self) -> Collection | None:
        """Identity of the stored vectors; None when there are none yet."""

    async def recreate(self, collection: Collection) -> None:
        """Drop everything and start an empty collection."""

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write vectors. They can be searched at once and are durable after ``flush``."""

    async def delete(self, ids: Sequence[UUID]) -> None:
        """Remove vectors; unknown ids are ignored. Durable after ``flush``."""

    async def flush(self) -> None:
        """Make everything written so far durable."""

    async def search(self, vector: Sequence[float], chosen: Filter, limit: int) -> list[UUID]:
        """Ids of the nearest vectors by cosine, best first."""

    async def count(self) -> int:
        """Number of vectors. Proves that the store answers."""

    def ids(self) -> AsyncIterator[list[UUID]]:
        """All ids, page by page."""

    async def copy(self) -> tuple[Path, str] | None:
        """A consistent copy of the files, in a folder that the caller deletes, and its revision.

        None when a server keeps the files.
        """

    def revision(self) -> str | None:
        """Differs from every earlier one once something was written; None when that is not known."""

    async def close(self) -> None:
        """Let go of files and connections."""


class Embedder(Protocol):
    """A sentence embedding model. ``name`` tells models apart whose vectors do not mix."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def is_local(self) -> bool:
        """True when embedding needs no network and takes well under a second."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of ``dimension`` numbers per text. Raises EmbeddingsUnavailable."""

    async def close(self) -> None:
        """Let go of the model or its connections."""


class Clock(Protocol):
    """Source of the present moment."""

    def __call__(self) -> datetime:
        """Now, in UTC."""
