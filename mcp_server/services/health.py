"""Looks at PostgreSQL and Qdrant from time to time and remembers what it saw."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from mcp_server.domain.memory import Collection
from mcp_server.errors import MemoryServerError
from mcp_server.services.indexer import Indexer, IndexState
from mcp_server.services.ports import Embedder, MemoryStore, VectorStore

logger = logging.getLogger(__name__)

PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Component:
    """State of one part; ``detail`` is for people."""

    is_up: bool
    detail: str


COMPONENTS = ("postgresql", "qdrant", "embeddings")
NOT_LOOKED_AT = Component(False, "not looked at yet")


@dataclass(frozen=True, slots=True)
class Health:
    """What the latest probe saw."""

    postgresql: Component = NOT_LOOKED_AT
    qdrant: Component = NOT_LOOKED_AT
    embeddings: Component = NOT_LOOKED_AT
    database_size_bytes: int | None = None
    vector_count: int | None = None
    pending_vectors: int | None = None

    @property
    def is_ok(self) -> bool:
        """True when every component is up."""
        return self.postgresql.is_up and self.qdrant.is_up and self.embeddings.is_up


class HealthProbe:
    """Probes every ``interval_seconds``; the latest outcome is ``health``."""

    def __init__(
        self, store: MemoryStore, vectors: VectorStore, embedder: Embedder, indexer: Indexer, interval_seconds: float
    ) -> None:
        self._store = store
        self._vectors = vectors
        self._embedder = embedder
        self._indexer = indexer
        self._interval_seconds = interval_seconds
        self.health = Health()

    async def run(self) -> None:
        """Probe until cancelled."""
        while True:
            await self.probe()
            await asyncio.sleep(self._interval_seconds)

    async def probe(self) -> Health:
        """Look at everything once, each part within ``PROBE_SECONDS``."""
        before = self.health
        size, pending, count = await asyncio.gather(
            _outcome(self._store.database_size_bytes()),
            _outcome(self._store.pending_count()),
            _outcome(self._vectors.count() if self._indexer.state is not IndexState.UNKNOWN else self._opened()),
        )
        self.health = Health(
            postgresql=_component(size),
            qdrant=self._qdrant(count, postgresql_is_up=isinstance(size, int)),
            embeddings=self._embeddings(),
            database_size_bytes=size if isinstance(size, int) else None,
            vector_count=count if isinstance(count, int) else None,
            pending_vectors=pending if isinstance(pending, int) else None,
        )
        _report(before, self.health)
        return self.health

    async def _opened(self) -> int:
        collection = await self._vectors.collection()
        return await self._vectors.count() if isinstance(collection, Collection) else 0

    def _qdrant(self, count: int | str, postgresql_is_up: bool) -> Component:
        """Up once it can be used; without PostgreSQL nobody can tell, and it is not to blame."""
        if isinstance(count, int) and self._indexer.state is IndexState.UNKNOWN and postgresql_is_up:
            self._indexer.wake()
            return Component(False, "answers; its vectors are being compared with PostgreSQL")
        return _component(count)

    def _embeddings(self) -> Component:
        if self._indexer.state is IndexState.MISMATCH:
            try:
                self._indexer.require_ready()
            except MemoryServerError as error:
                return Component(False, f"{error.message}; {error.hint}")
        return Component(True, f"{self._embedder.name}, {self._embedder.dimension} dimensions")


async def _outcome(work: Awaitable[int]) -> int | str:
    """The number, or why there is none."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await work
    except TimeoutError:
        return f"no answer within {PROBE_SECONDS:g} s"
    except MemoryServerError as error:
        return error.message


def _component(outcome: int | str) -> Component:
    return Component(False, outcome) if isinstance(outcome, str) else Component(True, "answers")


def _report(before: Health, after: Health) -> None:
    """Log what changed."""
    for name in COMPONENTS:
        old, new = getattr(before, name), getattr(after, name)
        if old.is_up != new.is_up:
            level = logging.INFO if new.is_up else logging.WARNING
            state = "up" if new.is_up else "down"
            logger.log(
                level,
                "Component changed state",
                extra={"action": "probe", "component": name, "state": state, "detail": new.detail},
            )
