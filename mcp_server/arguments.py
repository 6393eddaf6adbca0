"""What tools accept: bounded, typed arguments. The bounds are part of the tools' published JSON schema."""

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from mcp_server.domain.memory import DEFAULT_KIND, DEFAULT_SESSION, NewMemory

MAX_CONTENT_CHARACTERS = 32_000
MAX_QUERY_CHARACTERS = 2_000
MAX_METADATA_BYTES = 8_192
MAX_BATCH = 1_000
MAX_RESULTS = 100


def _storable(text: str) -> str:
    """Reject what PostgreSQL or UTF-8 cannot hold."""
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain half of a surrogate pair") from None
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _plain(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def _small_json(metadata: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"must be plain JSON: {error}") from None
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"must be at most {MAX_METADATA_BYTES} bytes of JSON, not {size}")
    _reject_nul(metadata)
    return metadata


def _reject_nul(value: Any) -> None:
    if isinstance(value, str):
        _storable(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _storable(key)
            _reject_nul(item)
    elif isinstance(value, list):
        for item in value:
            _reject_nul(item)


Content = Annotated[
    str,
    Field(min_length=1, max_length=MAX_CONTENT_CHARACTERS, description="The text to remember."),
    AfterValidator(_storable),
    AfterValidator(_not_blank),
]
Session = Annotated[
    str,
    Field(min_length=1, max_length=200, description="Name of the conversation or project it belongs to."),
    AfterValidator(_storable),
    AfterValidator(_plain),
]
Kind = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$", description="What sort of memory: note, decision, fact, todo …"),
]
Metadata = Annotated[
    dict[str, Any],
    Field(description=f"Anything worth keeping beside the text; at most {MAX_METADATA_BYTES} bytes as JSON."),
    AfterValidator(_small_json),
]
QueryText = Annotated[
    str,
    Field(min_length=1, max_length=MAX_QUERY_CHARACTERS, description="Words, or a whole question."),
    AfterValidator(_storable),
    AfterValidator(_not_blank),
]
Limit = Annotated[int, Field(ge=1, le=MAX_RESULTS, description="Most results to give.")]
Since = Annotated[AwareDatetime | None, Field(description="Only memories stored at or after this moment (RFC 3339).")]
Until = Annotated[AwareDatetime | None, Field(description="Only memories stored before this moment (RFC 3339).")]
SearchMode = Literal["hybrid", "keyword", "meaning"]
MemoryId = Annotated[UUID, Field(description="Id of a memory.")]
MemoryIds = Annotated[list[UUID], Field(min_length=1, max_length=MAX_BATCH, description="Ids of memories.")]


class MemoryInput(BaseModel):
    """One memory of a batch."""

    model_config = ConfigDict(extra="forbid")

    content: Content
    session: Session = DEFAULT_SESSION
    kind: Kind = DEFAULT_KIND
    metadata: Metadata = Field(default_factory=dict)

    def to_domain(self) -> NewMemory:
        """The memory to store."""
        return NewMemory(self.content, self.session, self.kind, self.metadata)


MemoryInputs = Annotated[list[MemoryInput], Field(min_length=1, max_length=MAX_BATCH, description="What to remember.")]
