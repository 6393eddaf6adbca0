"""/api/v1/maintenance: windows that do not count; GET /api/v1/actions: who did what."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.json import answer
from controlplane.daemon.query import DEFAULT_LIMIT, MAX_LIMIT, limit_of, refuse_unknown, since_of
from controlplane.daemon.routes.webhook import BODIES
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.domain.payload_text import PayloadProblem
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.actions import ActionFilter
from controlplane.services.maintenance import Listed, as_record
from controlplane.services.maintenance_request import AddRequest, EndRequest, parse

_STATES = ("planned", "active", "over", "withdrawn")


async def list_maintenance(request: web.Request) -> web.Response:
    """Every entry, newest start first."""
    refuse_unknown(request, frozenset({"state"}))
    state = request.query.get("state")
    if state is not None and state not in _STATES:
        raise PayloadProblem("state", f"must be one of {', '.join(_STATES)}")
    listed = await request.app[DAEMON].maintenance.entries()
    return answer([as_record(one) for one in listed if state in (None, one.state)])


async def add(request: web.Request) -> web.Response:
    """Enter a maintenance. The same key twice enters it once."""
    wanted = parse(AddRequest, await request.app[BODIES].read(request)).to_entry()
    daemon = request.app[DAEMON]
    return answer(await _with_silences(daemon, await daemon.maintenance.add(wanted)))


async def end(request: web.Request) -> web.Response:
    """End a maintenance now, or withdraw it."""
    wanted = parse(EndRequest, await request.app[BODIES].read(request))
    daemon = request.app[DAEMON]
    number, ending = _id(request.match_info["id"]), wanted.ending()
    ended = await daemon.maintenance.end(number, wanted.author, wanted.withdraw, ending)
    return answer(await _with_silences(daemon, ended))


async def list_actions(request: web.Request) -> web.Response:
    """Entries of the action ledger, newest first."""
    refuse_unknown(request, frozenset({"kind", "since", "limit"}))
    kind = request.query.get("kind")
    wanted = ActionFilter(
        kind.replace("\0", "") if kind else None, since_of(request, datetime.now(UTC)), limit_of(request)
    )
    return answer(await request.app[DAEMON].actions.list_actions(wanted))


async def _with_silences(daemon: Daemon, listed: Listed) -> dict[str, Any]:
    """The entry is stored; its silences follow at once when they can, else when the task runs next."""
    try:
        await daemon.silences.reconcile()
    except CmctlError as error:
        return {**as_record(listed), "silence_problem": error.message}
    return {**as_record(listed), "silence_problem": None}


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise UsageProblem(f"there is no maintenance {text[:50]!r}", hint="see cmctl maintenance list --all")
    return int(text)


_ENTERED = {
    200: ("The entry; `silence_problem` says why its alerts are not silenced yet.", ref("MaintenanceWithSilence")),
    400: ("The request can never succeed; `field` names where.", PROBLEM),
    503: ("The database does not answer.", PROBLEM),
}

ROUTES = [
    Route(
        "GET",
        "/api/v1/maintenance",
        list_maintenance,
        "List maintenance, newest start first.",
        {
            200: ("Entries.", list_of(ref("Maintenance"))),
            400: ("A parameter is wrong.", PROBLEM),
            503: ("The database does not answer.", PROBLEM),
        },
        [Parameter("state", "Only entries in this state.", {"type": "string", "enum": list(_STATES)})],
    ),
    Route(
        "POST",
        "/api/v1/maintenance",
        add,
        "Enter a maintenance; the same key twice enters it once.",
        _ENTERED,
        body=ref("MaintenanceRequest"),
        needs_token=True,
    ),
    Route(
        "POST",
        "/api/v1/maintenance/{id}/end",
        end,
        "End a maintenance now, or withdraw it as though it had never been entered.",
        {**_ENTERED, 404: ("No such entry.", PROBLEM), 409: ("It is over already.", PROBLEM)},
        [Parameter("id", "Number of the entry.", {"type": "integer"}, place="path")],
        body=ref("MaintenanceEndRequest"),
        needs_token=True,
    ),
    Route(
        "GET",
        "/api/v1/actions",
        list_actions,
        "Who did what, newest first.",
        {
            200: ("Entries of the action ledger.", list_of(ref("Action"))),
            400: ("A parameter is wrong.", PROBLEM),
            503: ("The database does not answer.", PROBLEM),
        },
        [
            Parameter("kind", "Only entries of this kind, such as maintenance."),
            Parameter("since", "Only entries that ran since a time with a zone, or a duration ago such as 90m."),
            Parameter(
                "limit",
                f"At most this many; default {DEFAULT_LIMIT}.",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            ),
        ],
    ),
]
