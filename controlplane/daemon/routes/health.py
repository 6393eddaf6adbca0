"""GET /health, /ready and /metrics."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.json import answer
from controlplane.daemon.metrics import REGISTRY, render
from controlplane.daemon.routing import Route, ref
from controlplane.services.standby import Role


def components(daemon: Daemon) -> dict[str, dict[str, str]]:
    """State of each part of the daemon."""
    parts = {"postgresql": daemon.database.problem, "journal": daemon.journal.last_error}
    return {name: {"status": "down" if fault else "ok", "detail": fault or ""} for name, fault in parts.items()}


def role(daemon: Daemon) -> dict[str, str]:
    """Whether this daemon is the one that works, and a sentence about it."""
    return {"name": daemon.standby.role.value, "detail": daemon.standby.describe()}


async def health(request: web.Request) -> web.Response:
    """The daemon is alive, and says what is wrong with its parts."""
    daemon = request.app[DAEMON]
    parts = components(daemon)
    body: dict[str, Any] = {
        "status": "ok" if all(part["status"] == "ok" for part in parts.values()) else "degraded",
        "components": parts,
        "role": role(daemon),
        "version": daemon.version,
        "uptime_seconds": round((datetime.now(UTC) - daemon.started_at).total_seconds(), 3),
    }
    return answer(body)


async def ready(request: web.Request) -> web.Response:
    """Whether alerts can be accepted: they can while PostgreSQL is away, not while the journal is, nor on standby."""
    daemon = request.app[DAEMON]
    fault = daemon.standby.describe() if daemon.standby.role is Role.STANDBY else daemon.journal.last_error
    return answer({"ready": fault is None, "detail": fault or ""}, status=503 if fault else 200)


async def metrics(request: web.Request) -> web.Response:
    """Everything the daemon measures, in Prometheus' text format."""
    return web.Response(
        body=render(request.app[REGISTRY]), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


_METRICS_ANSWERS = {200: ("Metrics in Prometheus' text format.", None)}

ROUTES = [
    Route("GET", "/health", health, "Liveness, and the state of each part.", {200: ("Alive.", ref("Health"))}),
    Route(
        "GET",
        "/ready",
        ready,
        "Whether alerts can be accepted now.",
        {200: ("Yes.", ref("Ready")), 503: ("No.", ref("Ready"))},
    ),
    Route("GET", "/metrics", metrics, "Metrics.", _METRICS_ANSWERS, media_type="text/plain"),
    Route("GET", "/api/metrics", metrics, "The same as /metrics.", _METRICS_ANSWERS, media_type="text/plain"),
]
