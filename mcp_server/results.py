"""What tools answer. The models are part of the tools' published JSON schema; keys are stable."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel

from mcp_server.domain.memory import Memory


class MemoryView(BaseModel):
    """A memory."""

    id: UUID
    session: str
    kind: str
    content: str
    metadata: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, memory: Memory, **more: Any) -> Self:
        """View of a memory; ``more`` are the fields of a subclass."""
        return cls(
            id=memory.id,
            session=memory.session,
            kind=memory.kind,
            content=memory.content,
            metadata=dict(memory.metadata),
            created_at=memory.created_at,
            **more,
        )


class HitView(MemoryView):
    """A memory found. ``score`` only orders the hits of one search."""

    score: float
    matched_by: list[Literal["keyword", "meaning"]]


class StoreResult(BaseModel):
    """Outcome of store. ``created`` is false when the same text was there already."""

    id: UUID
    created: bool
    indexed: bool


class StoreBatchResult(BaseModel):
    """Outcome of store_batch, ids in the order of the batch."""

    ids: list[UUID]
    created: int
    indexed: bool


class SearchResult(BaseModel):
    """Hits, best first. ``notes`` says when part of the search could not be done."""

    results: list[HitView]
    notes: list[str]


class RecentResult(BaseModel):
    """Memories, newest first."""

    results: list[MemoryView]


class DeleteResult(BaseModel):
    """Ids that existed and are gone, and ids that did not exist."""

    deleted: list[UUID]
    missing: list[UUID]


class StatsResult(BaseModel):
    """What is kept."""

    memories: int
    sessions: int
    by_kind: dict[str, int]
    oldest: datetime | None
    newest: datetime | None
    vectors: int | None
    pending_vectors: int
    database_size_bytes: int
    embedding_model: str


class ComponentView(BaseModel):
    """State of one part."""

    status: Literal["ok", "down"]
    detail: str


class HealthResult(BaseModel):
    """State of the server and its parts."""

    status: Literal["ok", "degraded"]
    components: dict[str, ComponentView]
    version: str
    uptime_seconds: float
