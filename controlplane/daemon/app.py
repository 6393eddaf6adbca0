"""Putting the HTTP application together."""

from collections.abc import Sequence

from aiohttp import web

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.metrics import REGISTRY, build_registry
from controlplane.daemon.middleware import Gate
from controlplane.daemon.pages import PAGES, Pages
from controlplane.daemon.routes import (
    acknowledge,
    alerts,
    anomalies,
    backups,
    deliveries,
    forecasts,
    health,
    incidents,
    jobs,
    maintenance,
    oncall,
    openapi,
    page,
    remediations,
    reports,
    runbook,
    slos,
    status,
    webhook,
)
from controlplane.daemon.routing import Route

ROUTES: Sequence[Route] = [
    *webhook.ROUTES,
    *health.ROUTES,
    *status.ROUTES,
    *alerts.ROUTES,
    *acknowledge.ROUTES,
    *anomalies.ROUTES,
    *deliveries.ROUTES,
    *oncall.ROUTES,
    *forecasts.ROUTES,
    *incidents.ROUTES,
    *jobs.ROUTES,
    *maintenance.ROUTES,
    *slos.ROUTES,
    *backups.ROUTES,
    *openapi.ROUTES,
    *page.ROUTES,
    *remediations.ROUTES,
    *reports.ROUTES,
    *runbook.ROUTES,
]


def build_app(daemon: Daemon, token: str, max_body_bytes: int, max_concurrent_requests: int) -> web.Application:
    """The application with every route; resources are started by the server around it."""
    gate = Gate(token, max_concurrent_requests)
    app = web.Application(middlewares=[gate.middleware()], client_max_size=max_body_bytes)
    app[DAEMON] = daemon
    app[REGISTRY] = build_registry(daemon)
    app[webhook.BODIES] = webhook.BodyReader(max_body_bytes)
    app[openapi.DESCRIPTION] = openapi.describe(ROUTES, daemon.version)
    app[PAGES] = Pages(daemon.templates, daemon.docs)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
    return app
