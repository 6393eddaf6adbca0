"""/api/v1/incidents: what urgent alerts opened, its timeline, and what people do about it."""

from datetime import UTC, datetime

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.pages import PAGES
from controlplane.daemon.query import DEFAULT_LIMIT, MAX_LIMIT, limit_of, refuse_unknown, since_of
from controlplane.daemon.routes.webhook import BODIES
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.domain.incident import IncidentState
from controlplane.domain.payload_text import PayloadProblem
from controlplane.services.incidents.ports import IncidentFilter
from controlplane.services.incidents.record import file_record, incident_record
from controlplane.services.incidents.requests import CloseRequest, NoteRequest, OpenRequest, ReopenRequest
from controlplane.services.maintenance_request import parse

_STATES: tuple[IncidentState, ...] = ("open", "closed")


async def list_incidents(request: web.Request) -> web.Response:
    """The wanted incidents, newest first."""
    refuse_unknown(request, frozenset({"state", "since", "limit"}))
    wanted = IncidentFilter(
        state=_state(request.query.get("state")),
        since=since_of(request, datetime.now(UTC)),
        limit=limit_of(request),
    )
    found = await request.app[DAEMON].incidents.list_incidents(wanted)
    return answer([incident_record(one) for one in found])


async def show(request: web.Request) -> web.Response:
    """One incident with everything about it."""
    refuse_unknown(request, frozenset())
    return answer(file_record(await request.app[DAEMON].incidents.show(request.match_info["number"])))


async def open_incident(request: web.Request) -> web.Response:
    """Open one by hand."""
    wanted = parse(OpenRequest, await request.app[BODIES].read(request))
    began_at = wanted.began_at.astimezone(UTC) if wanted.began_at else None
    opened = await request.app[DAEMON].incidents.open(
        wanted.title, wanted.priority, wanted.service, wanted.author, began_at
    )
    return answer(incident_record(opened))


async def note(request: web.Request) -> web.Response:
    """Write what happened, or a part of the report."""
    wanted = parse(NoteRequest, await request.app[BODIES].read(request))
    shown = await request.app[DAEMON].incidents.note(
        request.match_info["number"], wanted.author, wanted.text, wanted.kind, wanted.key
    )
    return answer(file_record(shown))


async def close(request: web.Request) -> web.Response:
    """Close it and keep its timeline."""
    wanted = parse(CloseRequest, await request.app[BODIES].read(request))
    shown = await request.app[DAEMON].incidents.close(
        request.match_info["number"], wanted.author, wanted.reason, wanted.anyway
    )
    return answer(file_record(shown))


async def reopen(request: web.Request) -> web.Response:
    """Open it again."""
    wanted = parse(ReopenRequest, await request.app[BODIES].read(request))
    shown = await request.app[DAEMON].incidents.reopen(request.match_info["number"], wanted.author, wanted.reason)
    return answer(file_record(shown))


async def page(request: web.Request) -> web.Response:
    """One incident for people, with its timeline."""
    daemon = request.app[DAEMON]
    values = {"incident": file_record(await daemon.incidents.show(request.match_info["number"])), "links": daemon.links}
    return request.app[PAGES].render("web/incident.html", values)


def _state(text: str | None) -> IncidentState | None:
    if text is None:
        return None
    for state in _STATES:
        if text == state:
            return state
    raise PayloadProblem("state", "must be open or closed")


_AWAY = ("The database does not answer.", PROBLEM)
_NUMBER = Parameter("number", "Number of the incident, or latest.", place="path")
_FILE = {
    200: ("The incident with everything about it.", ref("IncidentFile")),
    404: ("No such incident.", PROBLEM),
    503: _AWAY,
}
_CHANGED = {
    **_FILE,
    400: ("The request can never succeed; `field` names where.", PROBLEM),
    409: ("Its state does not allow it; the error says why.", PROBLEM),
}

ROUTES = [
    Route(
        "GET",
        "/api/v1/incidents",
        list_incidents,
        "List incidents, newest first.",
        {200: ("Incidents.", list_of(ref("Incident"))), 400: ("A parameter is wrong.", PROBLEM), 503: _AWAY},
        [
            Parameter("state", "Only incidents in this state.", {"type": "string", "enum": ["open", "closed"]}),
            Parameter("since", "Open ones, and those closed since a time with a zone, or a duration ago such as 7d."),
            Parameter(
                "limit",
                f"At most this many; default {DEFAULT_LIMIT}.",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            ),
        ],
    ),
    Route(
        "POST",
        "/api/v1/incidents",
        open_incident,
        "Open an incident that no alert told of.",
        {200: ("The incident.", ref("Incident")), 400: ("`field` names what is wrong.", PROBLEM), 503: _AWAY},
        body=ref("IncidentOpenRequest"),
        needs_token=True,
    ),
    Route("GET", "/api/v1/incidents/{number}", show, "Show an incident with its timeline.", _FILE, [_NUMBER]),
    Route(
        "POST",
        "/api/v1/incidents/{number}/note",
        note,
        "Write what happened, or a part of the report; the same key twice writes it once.",
        _CHANGED,
        [_NUMBER],
        body=ref("IncidentNoteRequest"),
        needs_token=True,
    ),
    Route(
        "POST",
        "/api/v1/incidents/{number}/close",
        close,
        "Close an incident and keep its timeline.",
        _CHANGED,
        [_NUMBER],
        body=ref("IncidentCloseRequest"),
        needs_token=True,
    ),
    Route(
        "POST",
        "/api/v1/incidents/{number}/reopen",
        reopen,
        "Open a closed incident again.",
        _CHANGED,
        [_NUMBER],
        body=ref("IncidentReopenRequest"),
        needs_token=True,
    ),
    Route(
        "GET",
        "/incidents/{number}",
        page,
        "One incident for people, with its timeline.",
        {200: ("A page.", None), 404: ("No such incident.", PROBLEM), 503: _AWAY},
        [_NUMBER],
        media_type="text/html",
    ),
]
