"""Query parameters, validated; a wrong one is a 400 that names it."""

from datetime import UTC, datetime

from aiohttp import web

from controlplane.domain.alert import AlertCursor, AlertFilter, AlertState
from controlplane.domain.payload_text import PayloadProblem
from controlplane.domain.since import parse_since

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000


def refuse_unknown(request: web.Request, known: frozenset[str]) -> None:
    """Raise PayloadProblem for a parameter that the route does not have: a misspelt filter must not widen a list."""
    for name in request.query:
        if name not in known:
            raise PayloadProblem(name[:100], f"no such parameter; known are {', '.join(sorted(known))}")


def limit_of(request: web.Request, default: int = DEFAULT_LIMIT) -> int:
    """The ``limit`` parameter."""
    text = request.query.get("limit")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6 and 1 <= int(text) <= MAX_LIMIT):
        raise PayloadProblem("limit", f"must be a number from 1 to {MAX_LIMIT}")
    return int(text)


def since_of(request: web.Request, now: datetime) -> datetime | None:
    """The ``since`` parameter: a time with a zone, or how long ago, such as 90m."""
    text = request.query.get("since")
    if text is None:
        return None
    try:
        return parse_since(_plus(text), now)
    except ValueError as error:
        raise PayloadProblem("since", str(error)) from error


def _plus(text: str) -> str:
    """A time whose + was not percent-encoded, and so arrived as a space."""
    return text.replace(" ", "+")


def alert_filter(request: web.Request, now: datetime) -> AlertFilter:
    """The filter that the parameters of a list of alerts ask for."""
    return AlertFilter(
        state=_state("state", request.query["state"]) if "state" in request.query else None,
        severity=storable("severity", request.query.get("severity")),
        since=since_of(request, now),
        fingerprint=storable("fingerprint", request.query.get("fingerprint")),
        labels=dict(_label(text) for text in request.query.getall("label", [])),
        after=_cursor(request.query["after"]) if "after" in request.query else None,
        limit=limit_of(request),
    )


def _state(field: str, text: str) -> AlertState:
    if text == "firing":
        return "firing"
    if text == "resolved":
        return "resolved"
    raise PayloadProblem(field, "must be firing or resolved")


def _label(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise PayloadProblem("label", "must be name=value")
    storable("label", text)
    return name, value


def _cursor(text: str) -> AlertCursor:
    try:
        state, starts_at, fingerprint = text.split(",")
        moment = datetime.fromisoformat(_plus(starts_at)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PayloadProblem("after", "must be state,starts_at,fingerprint of the last alert seen") from error
    storable("after", fingerprint)
    return AlertCursor(_state("after", state), moment, fingerprint)


def storable(field: str, text: str | None) -> str | None:
    """Refuse what PostgreSQL cannot compare with: NUL, and surrogates left by wrong percent-encoding."""
    if text is not None and any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise PayloadProblem(field, "has a character that no alert can have")
    return text
