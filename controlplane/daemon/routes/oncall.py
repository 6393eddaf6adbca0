"""/api/v1/oncall: who is on call, who stands in; /api/v1/escalations/audit: steps that were missed."""

from datetime import UTC, datetime, timedelta

from aiohttp import web
from pydantic import AwareDatetime, Field

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.query import refuse_unknown, since_of
from controlplane.daemon.routes.webhook import BODIES
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.services.maintenance_request import Body, parse

AUDITED = timedelta(days=7)


class OverrideRequest(Body):
    """POST /api/v1/oncall/override."""

    schedule: str
    person: str
    author: str
    duration_seconds: float = Field(allow_inf_nan=False)
    starts_at: AwareDatetime | None = None


async def show(request: web.Request) -> web.Response:
    """Who has each schedule now."""
    refuse_unknown(request, frozenset())
    return answer(await request.app[DAEMON].escalation.who())


async def override(request: web.Request) -> web.Response:
    """Let somebody stand in."""
    wanted = parse(OverrideRequest, await request.app[BODIES].read(request))
    starts_at = wanted.starts_at.astimezone(UTC) if wanted.starts_at else None
    entered = await request.app[DAEMON].escalation.override(
        wanted.schedule, wanted.person, wanted.author, wanted.duration_seconds, starts_at
    )
    return answer(entered)


async def audit(request: web.Request) -> web.Response:
    """Steps that were due and not made, or late."""
    refuse_unknown(request, frozenset({"since"}))
    now = datetime.now(UTC)
    return answer(await request.app[DAEMON].escalation.audit(since_of(request, now) or now - AUDITED))


_AWAY = ("The database does not answer.", PROBLEM)
ROUTES = [
    Route(
        "GET",
        "/api/v1/oncall",
        show,
        "Who is on call.",
        {200: ("One entry a schedule.", list_of(ref("OnCall"))), 400: ("A parameter is wrong.", PROBLEM), 503: _AWAY},
    ),
    Route(
        "POST",
        "/api/v1/oncall/override",
        override,
        "Let somebody stand in for a time.",
        {200: ("The override.", ref("Override")), 400: ("`field` names what is wrong.", PROBLEM), 503: _AWAY},
        body=ref("OverrideRequest"),
        needs_token=True,
    ),
    Route(
        "GET",
        "/api/v1/escalations/audit",
        audit,
        "Escalations that were due and not made, or late, worked out anew from the records.",
        {
            200: ("Missed steps; none is good.", list_of(ref("MissedStep"))),
            400: ("A parameter is wrong.", PROBLEM),
            503: _AWAY,
        },
        [Parameter("since", "Alerts heard of since a time or a duration ago; default 7 days.")],
    ),
]
