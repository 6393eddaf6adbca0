"""Hybrid search: keyword and meaning, fused by reciprocal rank."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from mcp_server.domain.fusion import Fused, fuse
from mcp_server.domain.memory import Filter, Memory
from mcp_server.domain.terms import terms_of
from mcp_server.domain.weights import TermStatistics, weigh
from mcp_server.errors import MemoryServerError
from mcp_server.services.indexer import Indexer
from mcp_server.services.ports import Embedder, MemoryStore, VectorStore

# How far down each ranking is read: a memory that both sides place here can still win.
CANDIDATES = 50
STATISTICS_SECONDS = 60.0


class Mode(Enum):
    """Which rankings count."""

    KEYWORD = "keyword"
    MEANING = "meaning"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory found; ``matched_by`` names the rankings that hold it."""

    memory: Memory
    score: float
    matched_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first, and what the caller should know about how they came about."""

    hits: list[Hit]
    notes: list[str]


class Search:
    """Answers queries."""

    def __init__(self, store: MemoryStore, vectors: VectorStore, embedder: Embedder, indexer: Indexer) -> None:
        self._store = store
        self._vectors = vectors
        self._embedder = embedder
        self._indexer = indexer
        self._statistics = TermStatistics()
        self._statistics_until = 0.0

    async def search(self, text: str, mode: Mode, chosen: Filter, limit: int) -> Found:
        """Find memories.

        Hybrid falls back to keyword, and says so in a note, while vectors cannot be used. Asking for meaning alone
        then raises VectorsUnavailable, ModelMismatch or EmbeddingsUnavailable. Raises StoreUnavailable in every mode.
        """
        depth = max(limit, CANDIDATES)
        keyword, meaning = await asyncio.gather(
            self._keyword(text, chosen, depth) if mode is not Mode.MEANING else _nothing(),
            self._meaning(text, chosen, depth) if mode is not Mode.KEYWORD else _nothing(),
        )
        rankings: dict[str, Sequence[UUID]] = {"keyword": keyword}
        notes: list[str] = []
        if not isinstance(meaning, MemoryServerError):
            rankings["meaning"] = meaning
        elif mode is Mode.MEANING:
            raise meaning
        else:
            notes.append(_note(meaning))
        return Found(await self._hits(fuse(rankings), limit), notes)

    async def _keyword(self, text: str, chosen: Filter, limit: int) -> list[UUID]:
        terms = terms_of(text)
        if not terms:
            return []
        query = weigh(terms, await self._term_statistics())
        found = await self._store.keyword(query, chosen, limit)
        if not found and query.required != query.terms:
            return await self._store.keyword(query.with_all_required(), chosen, limit)
        return found

    async def _meaning(self, text: str, chosen: Filter, limit: int) -> list[UUID] | MemoryServerError:
        """Ids, nearest first, or the reason why there are none."""
        try:
            self._indexer.require_ready()
            vector = (await self._embedder.embed([text]))[0]
            return await self._vectors.search(vector, chosen, limit)
        except MemoryServerError as error:
            return error

    async def _hits(self, fused: Sequence[Fused[UUID]], limit: int) -> list[Hit]:
        """Read the memories; ids that were deleted a moment ago fall out and the next ones move up."""
        hits: list[Hit] = []
        for start in range(0, len(fused), limit):
            page = {entry.key: entry for entry in fused[start : start + limit]}
            memories = await self._store.get(list(page))
            hits += [Hit(memory, page[memory.id].score, page[memory.id].matched_by) for memory in memories]
            if len(hits) >= limit:
                break
        return hits[:limit]

    async def _term_statistics(self) -> TermStatistics:
        now = time.monotonic()
        if now >= self._statistics_until:
            self._statistics_until = now + STATISTICS_SECONDS
            self._statistics = await self._store.term_statistics()
        return self._statistics


async def _nothing() -> list[UUID]:
    return []


def _note(error: MemoryServerError) -> str:
    note = f"keyword results only: {error.message}"
    return f"{note}; {error.hint}" if error.hint else note
