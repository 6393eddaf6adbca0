"""POST /api/v1/alerts/{fingerprint}/ack, /unack and /resolve."""

from aiohttp import web
from pydantic import Field

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.json import answer
from controlplane.daemon.routes.webhook import BODIES
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.services.acknowledge import DEFAULT_SECONDS
from controlplane.services.maintenance_request import Body, parse

CATCH_UP_SECONDS = 2.0


class AckRequest(Body):
    """POST /api/v1/alerts/{fingerprint}/ack."""

    author: str
    note: str = ""
    duration_seconds: float = Field(DEFAULT_SECONDS, allow_inf_nan=False)


class UnackRequest(Body):
    """POST /api/v1/alerts/{fingerprint}/unack."""

    author: str


class ResolveRequest(Body):
    """POST /api/v1/alerts/{fingerprint}/resolve."""

    author: str
    reason: str
    anyway: bool = False


async def acknowledge(request: web.Request) -> web.Response:
    """Take a firing alert on."""
    wanted = parse(AckRequest, await request.app[BODIES].read(request))
    daemon = request.app[DAEMON]
    await _catch_up(daemon)
    fingerprint = request.match_info["fingerprint"]
    return answer(
        await daemon.acknowledgement.acknowledge(fingerprint, wanted.author, wanted.note, wanted.duration_seconds)
    )


async def unacknowledge(request: web.Request) -> web.Response:
    """Give it back."""
    wanted = parse(UnackRequest, await request.app[BODIES].read(request))
    return answer(
        await request.app[DAEMON].acknowledgement.unacknowledge(request.match_info["fingerprint"], wanted.author)
    )


async def resolve(request: web.Request) -> web.Response:
    """End an alert by hand whose ending was lost."""
    wanted = parse(ResolveRequest, await request.app[BODIES].read(request))
    daemon = request.app[DAEMON]
    await _catch_up(daemon)
    fingerprint = request.match_info["fingerprint"]
    ended = await daemon.ending.resolve(fingerprint, wanted.author, wanted.reason, wanted.anyway)
    await _catch_up(daemon)
    return answer(ended)


async def _catch_up(daemon: Daemon) -> None:
    """Who acknowledges has just seen the alert: let it arrive in PostgreSQL first."""
    if daemon.database.is_up:
        await daemon.mover.wait_until_moved(CATCH_UP_SECONDS)


_ANSWERS = {
    200: ("The alert.", ref("Alert")),
    400: ("The request can never succeed; `field` names where.", PROBLEM),
    404: ("No such alert fires, or nobody has it.", PROBLEM),
    503: ("The database does not answer.", PROBLEM),
}
_FINGERPRINT = Parameter("fingerprint", "Fingerprint of the alert.", place="path")

ROUTES = [
    Route(
        "POST",
        "/api/v1/alerts/{fingerprint}/ack",
        acknowledge,
        "Take a firing alert on, for a time.",
        _ANSWERS,
        [_FINGERPRINT],
        body=ref("AckRequest"),
        needs_token=True,
    ),
    Route(
        "POST",
        "/api/v1/alerts/{fingerprint}/unack",
        unacknowledge,
        "Give an alert back before the time is over.",
        _ANSWERS,
        [_FINGERPRINT],
        body=ref("UnackRequest"),
        needs_token=True,
    ),
    Route(
        "POST",
        "/api/v1/alerts/{fingerprint}/resolve",
        resolve,
        "End an alert whose ending was lost; a notification that it fires makes it fire again.",
        {
            200: ("Every episode that was ended.", list_of(ref("Alert"))),
            400: ("The request can never succeed; `field` names where.", PROBLEM),
            404: ("No such alert fires.", PROBLEM),
            409: ("Alertmanager says that it fires, or cannot be asked.", PROBLEM),
            503: ("The database does not answer, or the disk is full.", PROBLEM),
        },
        [_FINGERPRINT],
        body=ref("ResolveRequest"),
        needs_token=True,
    ),
]
