"""GET /api/v1/deliveries; POST /api/v1/deliveries/{id}/redeliver."""

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.query import MAX_LIMIT, limit_of, refuse_unknown, storable
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.domain.notification.delivery import STATUSES
from controlplane.domain.payload_text import PayloadProblem
from controlplane.services.notify.ports import DeliveryFilter

DEFAULT_DELIVERIES = 100
MAX_ID = 2**63 - 1


async def list_deliveries(request: web.Request) -> web.Response:
    """Deliveries, newest first."""
    refuse_unknown(request, frozenset({"status", "receiver", "fingerprint", "limit"}))
    status = request.query.get("status")
    known = next((name for name in STATUSES if name == status), None)
    if status is not None and known is None:
        raise PayloadProblem("status", f"must be one of {', '.join(STATUSES)}")
    wanted = DeliveryFilter(
        status=known,
        receiver=storable("receiver", request.query.get("receiver")),
        fingerprint=storable("fingerprint", request.query.get("fingerprint")),
        limit=limit_of(request, DEFAULT_DELIVERIES),
    )
    return answer(await request.app[DAEMON].notifications.list_deliveries(wanted))


async def redeliver(request: web.Request) -> web.Response:
    """Send a dead or delivered one again."""
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= MAX_ID):
        raise PayloadProblem("id", "must be the number of a delivery")
    return answer(await request.app[DAEMON].notifications.redeliver(int(text)))


ROUTES = [
    Route(
        "GET",
        "/api/v1/deliveries",
        list_deliveries,
        "List messages to people, newest first.",
        {
            200: ("Deliveries.", list_of(ref("Delivery"))),
            400: ("A parameter is wrong; `field` names it.", PROBLEM),
            503: ("The outbox's database does not answer.", PROBLEM),
        },
        [
            Parameter("status", "Only deliveries in this status.", {"type": "string", "enum": list(STATUSES)}),
            Parameter("receiver", "Only deliveries to this receiver."),
            Parameter("fingerprint", "Only deliveries that tell of this alert."),
            Parameter("limit", "At most this many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
        ],
    ),
    Route(
        "POST",
        "/api/v1/deliveries/{id}/redeliver",
        redeliver,
        "Send a dead or delivered message again.",
        {
            200: ("It waits to be sent.", ref("Delivery")),
            400: ("That is no number.", PROBLEM),
            404: ("There is no such delivery, or it is on its way.", PROBLEM),
            503: ("The outbox's database does not answer.", PROBLEM),
        },
        [Parameter("id", "Number of the delivery.", place="path")],
        needs_token=True,
    ),
]
