"""GET /api/v1/slos: where the objectives stand, as of the latest evaluation."""

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.query import refuse_unknown
from controlplane.daemon.routing import Route, list_of, ref


async def slos(request: web.Request) -> web.Response:
    """The records of cmctl slo status, each with the moment of its evaluation; none before the first."""
    refuse_unknown(request, frozenset())
    latest = request.app[DAEMON].slo_board.latest
    return answer([{**record, "evaluated_at": latest.evaluated_at} for record in latest.records])


ROUTES = [
    Route(
        "GET",
        "/api/v1/slos",
        slos,
        "Where the objectives stand, as of the latest evaluation; an empty list before the first.",
        {200: ("Objectives.", list_of(ref("Slo")))},
    )
]
