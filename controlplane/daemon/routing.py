"""How a route is declared: once, with what the API description needs to know about it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
NULLABLE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}


def ref(name: str) -> Schema:
    """Reference to a schema of ``schemas.py``."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(schema: Schema) -> Schema:
    """A JSON list."""
    return {"type": "array", "items": schema}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a route. In the path it is always required."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: TEXT)
    place: str = "query"


@dataclass(frozen=True)
class Route:
    """One method on one path. ``answers`` maps a status code to its meaning and schema (None: no JSON)."""

    method: str
    path: str
    handler: Handler
    summary: str
    answers: Mapping[int, tuple[str, Schema | None]]
    parameters: Sequence[Parameter] = ()
    body: Schema | None = None
    needs_token: bool = False
    media_type: str = "application/json"


PROBLEM = ref("Problem")
