"""The MCP tools. Each wraps one use case; arguments.py and results.py hold what goes in and out."""

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field

from mcp_server.application import Application
from mcp_server.arguments import (
    Content,
    Kind,
    Limit,
    MemoryId,
    MemoryIds,
    MemoryInputs,
    Metadata,
    QueryText,
    SearchMode,
    Session,
    Since,
    Until,
)
from mcp_server.domain.memory import DEFAULT_KIND, DEFAULT_SESSION, Filter, NewMemory
from mcp_server.results import (
    DeleteResult,
    HealthResult,
    HitView,
    MemoryView,
    RecentResult,
    SearchResult,
    StatsResult,
    StoreBatchResult,
    StoreResult,
)
from mcp_server.services.search import Mode

READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
REMOVES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


class MemoryTools:
    """One method per tool; its name, signature and docstring are what callers see."""

    def __init__(self, application: Application) -> None:
        self._app = application

    async def store(
        self,
        content: Content,
        session: Session = DEFAULT_SESSION,
        kind: Kind = DEFAULT_KIND,
        metadata: Metadata = Field(default_factory=dict),  # noqa: B008
    ) -> StoreResult:
        """Remember one piece of text. Storing the same text again in the same session and kind changes nothing."""
        stored = await self._app.memories.store([NewMemory(content, session, kind, metadata)])
        outcome = stored.added[0]
        return StoreResult(id=outcome.id, created=outcome.created, indexed=stored.indexed)

    async def store_batch(self, memories: MemoryInputs) -> StoreBatchResult:
        """Remember many pieces of text at once: all of them or, on an error, none."""
        stored = await self._app.memories.store([memory.to_domain() for memory in memories])
        ids = [outcome.id for outcome in stored.added]
        created = sum(outcome.created for outcome in stored.added)
        return StoreBatchResult(ids=ids, created=created, indexed=stored.indexed)

    async def search(
        self,
        query: QueryText,
        mode: SearchMode = "hybrid",
        session: Session | None = None,
        kind: Kind | None = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = 10,
    ) -> SearchResult:
        """Find memories by keyword, by meaning, or (hybrid) both. English and Chinese."""
        chosen = Filter(session, kind, since, until)
        found = await self._app.search.search(query, Mode(mode), chosen, limit)
        hits = [HitView.of(hit.memory, score=hit.score, matched_by=list(hit.matched_by)) for hit in found.hits]
        return SearchResult(results=hits, notes=found.notes)

    async def recent(
        self,
        session: Session | None = None,
        kind: Kind | None = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = 10,
    ) -> RecentResult:
        """The latest memories, newest first."""
        memories = await self._app.memories.recent(Filter(session, kind, since, until), limit)
        return RecentResult(results=[MemoryView.of(memory) for memory in memories])

    async def get(self, id: MemoryId) -> MemoryView:
        """One memory by its id."""
        return MemoryView.of(await self._app.memories.get(id))

    async def delete(self, ids: MemoryIds) -> DeleteResult:
        """Forget memories for good."""
        deleted = await self._app.memories.delete(ids)
        gone = set(deleted)
        return DeleteResult(deleted=deleted, missing=[id for id in ids if id not in gone])

    async def stats(self) -> StatsResult:
        """How much is remembered."""
        counts = await self._app.store.counts()
        return StatsResult(
            memories=counts.memories,
            sessions=counts.sessions,
            by_kind=dict(counts.by_kind),
            oldest=counts.oldest,
            newest=counts.newest,
            vectors=self._app.probe.health.vector_count,
            pending_vectors=counts.pending_vectors,
            database_size_bytes=counts.database_size_bytes,
            embedding_model=self._app.embedder.name,
        )

    async def health(self) -> HealthResult:
        """Whether PostgreSQL, Qdrant and the embedding model can be used."""
        await self._app.probe.probe()
        return self._app.health()


def build_tools(application: Application) -> list[Tool]:
    """All tools. Arguments that a tool does not know are refused, not ignored."""
    methods = MemoryTools(application)
    table: list[tuple[Callable[..., Any], ToolAnnotations]] = [
        (methods.store, ADDS),
        (methods.store_batch, ADDS),
        (methods.search, READS),
        (methods.recent, READS),
        (methods.get, READS),
        (methods.delete, REMOVES),
        (methods.stats, READS),
        (methods.health, READS),
    ]
    tools = [Tool.from_function(method, annotations=annotations) for method, annotations in table]
    for tool in tools:
        tool.parameters["additionalProperties"] = False
    return tools
