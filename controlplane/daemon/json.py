"""JSON answers and errors of the HTTP API."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from controlplane.domain.payload_text import PayloadProblem
from controlplane.errors import CmctlError, DependencyUnreachable, Refused, UsageProblem
from controlplane.services.ports import StorageFull

_OPTIONS = orjson.OPT_UTC_Z
RETRY_AFTER_SECONDS = "1"


def encode(data: Any) -> bytes:
    """JSON with RFC 3339 times in UTC."""
    return orjson.dumps(data, default=_plain, option=_OPTIONS)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON response."""
    return web.Response(body=encode(data), status=status, headers=headers, content_type="application/json")


def problem(status: int, message: str, field: str | None = None, hint: str | None = None) -> web.Response:
    """An error: ``error`` says what is wrong, ``field`` names where, ``hint`` the next step."""
    body = {"error": message, "field": field, "hint": hint}
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == 503 else None
    return answer({key: value for key, value in body.items() if value is not None}, status, headers)


def problem_of(error: CmctlError) -> web.Response:
    """The response for an error. Only what a retry can mend gets a 5xx."""
    if isinstance(error, PayloadProblem):
        return problem(400, error.message, error.field, error.hint)
    if isinstance(error, UsageProblem):
        return problem(404, error.message, hint=error.hint)
    if isinstance(error, Refused):
        return problem(409, error.message, hint=error.hint)
    if isinstance(error, (StorageFull, DependencyUnreachable)):
        return problem(503, error.message, hint=error.hint)
    return problem(500, error.message, hint=error.hint)
