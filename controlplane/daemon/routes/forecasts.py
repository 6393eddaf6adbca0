"""GET /api/v1/forecasts."""

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.query import refuse_unknown
from controlplane.daemon.routing import Route, list_of, ref
from controlplane.services.forecasts import forecast_view


async def list_forecasts(request: web.Request) -> web.Response:
    """When each resource is full, the nearest first."""
    refuse_unknown(request, frozenset())
    return answer([forecast_view(one) for one in request.app[DAEMON].forecasts.latest()])


ROUTES = [
    Route(
        "GET",
        "/api/v1/forecasts",
        list_forecasts,
        "List when each resource is full.",
        {200: ("Forecasts, the nearest end first.", list_of(ref("Forecast")))},
    ),
]
