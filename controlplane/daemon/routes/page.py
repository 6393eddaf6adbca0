"""GET /: one page that shows how everything is; GET /anomalies/{id}: one anomaly with its picture."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.pages import PAGES
from controlplane.daemon.routes.anomalies import find, views
from controlplane.daemon.routes.status import read_status
from controlplane.daemon.routing import PROBLEM, Parameter, Route
from controlplane.domain.anomaly.feedback import BAR_NATS
from controlplane.errors import CmctlError
from controlplane.services.anomaly.draw import svg_chart
from controlplane.services.anomaly.ports import EpisodeFilter
from controlplane.services.forecasts import forecast_view

MAX_ALERTS_SHOWN = 50
MAX_ANOMALIES_SHOWN = 10


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
        "anomalies": await _anomalies(daemon),
        "forecasts": [forecast_view(one) for one in daemon.forecasts.latest()],
        "watching": _watching(daemon),
    }
    return request.app[PAGES].render("web/overview.html", values)


async def _anomalies(daemon: Daemon) -> list[dict[str, Any]]:
    """The latest anomalies; those that last while PostgreSQL is away."""
    try:
        found = await daemon.anomaly_store.list_episodes(EpisodeFilter(limit=MAX_ANOMALIES_SHOWN))
    except CmctlError:
        found = daemon.anomalies.open_episodes()[:MAX_ANOMALIES_SHOWN]
    return views(daemon, found)


def _watching(daemon: Daemon) -> str:
    """One sentence on what is watched."""
    live = daemon.anomalies
    if live.prometheus_problem:
        return f"Prometheus does not answer: {live.prometheus_problem}"
    tracks = [track for run in live.runs.values() for track in run.tracks.values()]
    warming = sum(track.is_warming_up for track in tracks)
    precision = live.precision
    text = f"{len(tracks)} series watched, {warming} of them warming up"
    if precision.ratio is not None:
        text += f"; {precision.ratio:.0%} of {precision.real + precision.fine} judged anomalies were real"
    return text


async def anomaly(request: web.Request) -> web.Response:
    """One anomaly with its picture."""
    daemon = request.app[DAEMON]
    view = views(daemon, [await find(daemon, request.match_info["id"])])[0]
    started = view["started_at"].timestamp()
    picture, problem = "", ""
    try:
        stretch = await daemon.anomalies.stretch({**view, "started_at_seconds": started}, datetime.now(UTC))
        picture = svg_chart(stretch, started, started + view["duration_seconds"], view["reason"])
    except CmctlError as error:
        problem = error.message
    values = {"episode": view, "picture": picture, "problem": problem, "links": daemon.links, "bar_nats": BAR_NATS}
    return request.app[PAGES].render("web/anomaly.html", values)


ROUTES = [
    Route(
        "GET",
        "/anomalies/{id}",
        anomaly,
        "One anomaly for people, with its picture.",
        {200: ("A page.", None), 404: ("No such anomaly.", PROBLEM), 503: ("The database does not answer.", PROBLEM)},
        [Parameter("id", "Id of the episode.", place="path")],
        media_type="text/html",
    ),
    Route("GET", "/", overview, "The overview for people.", {200: ("A page.", None)}, media_type="text/html"),
]
