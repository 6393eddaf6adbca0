"""GET /: one page that shows how everything is."""

from datetime import UTC, datetime

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.pages import PAGES
from controlplane.daemon.routes.status import read_status
from controlplane.daemon.routing import Route

MAX_ALERTS_SHOWN = 50


async def overview(request: web.Request) -> web.Response:
    """Status, checks, firing alerts and jobs."""
    daemon = request.app[DAEMON]
    status = await read_status(daemon)
    firing = status["alerts"]
    values = {
        **status,
        "alerts": sorted(firing, key=lambda alert: alert.priority)[:MAX_ALERTS_SHOWN],
        "alerts_total": len(firing),
        "now": datetime.now(UTC),
        "links": daemon.links,
    }
    return request.app[PAGES].render("web/overview.html", values)


ROUTES = [
    Route("GET", "/", overview, "The overview for people.", {200: ("A page.", None)}, media_type="text/html"),
]
