"""What the server keeps: memories, grouped by session and kind."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

DEFAULT_SESSION = "default"
DEFAULT_KIND = "note"


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory on its way in."""

    content: str
    session: str = DEFAULT_SESSION
    kind: str = DEFAULT_KIND
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content_hash(self) -> bytes:
        """SHA-256 of the content: the same text is kept once per session and kind."""
        return hashlib.sha256(self.content.encode()).digest()

    @property
    def metadata_json(self) -> str:
        """Metadata as JSON."""
        return json.dumps(self.metadata, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory as kept. ``created_at`` is UTC."""

    id: UUID
    session: str
    kind: str
    content: str
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Added:
    """Outcome of storing one memory; ``created`` is False when the same text was there already."""

    id: UUID
    created: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """Restricts search and recent. ``since`` is inclusive, ``until`` exclusive; None means any."""

    session: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for name, value in (("since", self.since), ("until", self.until)):
            if value is not None and value.tzinfo is None:
                raise ValueError(f"{name} needs a time zone")


@dataclass(frozen=True, slots=True)
class Collection:
    """Identity of a set of vectors: who made them, and which rebuild they are of."""

    model: str
    dimension: int
    generation: UUID

    def made_by(self, model: str, dimension: int) -> bool:
        """True when the vectors come from that model."""
        return (self.model, self.dimension) == (model, dimension)


@dataclass(frozen=True, slots=True)
class Point:
    """A vector with what it can be filtered by."""

    id: UUID
    vector: list[float]
    session: str
    kind: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """What the store holds. Sizes are bytes."""

    memories: int
    sessions: int
    by_kind: Mapping[str, int]
    oldest: datetime | None
    newest: datetime | None
    pending_vectors: int
    database_size_bytes: int
