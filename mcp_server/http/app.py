"""The ASGI application on the memory server's port."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from mcp_server.application import Application
from mcp_server.errors import MemoryServerError
from mcp_server.http.guard import Guard
from mcp_server.metrics import CONTENT_TYPE, Metrics
from mcp_server.server import MemoryMcpServer
from mcp_server.services.reindexing import Reindexing
from mcp_server.services.snapshot import Snapshot, take
from mcp_server.settings_file import resolve


class Routes:
    """Everything on the port but /mcp."""

    def __init__(self, application: Application, metrics: Metrics, reindexing: Reindexing) -> None:
        self._application = application
        self._metrics = metrics
        self._reindexing = reindexing

    async def health(self, _request: Request) -> Response:
        """200 when every part is up, 503 when one is not; the body says which and why."""
        health = self._application.health()
        status = 200 if health.status == "ok" else 503
        return JSONResponse(health.model_dump(mode="json"), status_code=status, headers={"Cache-Control": "no-store"})

    async def metrics(self, _request: Request) -> Response:
        """Prometheus' text format."""
        return Response(self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def reindex(self, request: Request) -> Response:
        """POST starts a rebuild of the vectors, GET says how far it is."""
        status = 200
        if request.method == "POST":
            status = 202 if self._reindexing.start() else 409
        progress = self._reindexing.progress
        body = {
            "running": progress.is_running,
            "done": progress.done,
            "total": progress.total,
            "error": progress.error,
            "embedding_model": self._application.embedder.name,
        }
        return JSONResponse(body, status_code=status)

    async def reconcile(self, _request: Request) -> Response:
        """Compare the vectors with PostgreSQL, id by id, and repair them; says what lacked and what was too much."""
        try:
            repair = await self._application.indexer.reconcile()
        except MemoryServerError as error:
            return JSONResponse({"error": error.message, "hint": error.hint}, status_code=503)
        return JSONResponse({"missing": repair.missing, "surplus": repair.surplus})

    async def snapshot(self, request: Request) -> Response:
        """A consistent copy of the vectors as a tar stream, whose first member says what they are.

        304 when they are still those of the revision in If-None-Match.
        """
        vectors = self._application.vectors
        if (revision := request.headers.get("If-None-Match")) and revision == vectors.revision():
            return Response(status_code=304)
        try:
            snapshot = await take(vectors, datetime.now(UTC))
        except MemoryServerError as error:
            return JSONResponse({"error": error.message, "hint": error.hint}, status_code=503)
        return StreamingResponse(
            _discarding(snapshot),
            headers={"Content-Length": str(snapshot.size_bytes)},
            media_type="application/x-tar",
        )

    async def no_stream(self, _request: Request) -> Response:
        """The server never speaks unasked, so there is no stream to open; clients expect 405 then."""
        return Response(status_code=405, headers={"Allow": "POST"})

    def table(self) -> list[Route]:
        """The routes."""
        return [
            Route("/mcp", self.no_stream, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/admin/reindex", self.reindex, methods=["GET", "POST"]),
            Route("/admin/reconcile", self.reconcile, methods=["POST"]),
            Route("/admin/snapshot", self.snapshot, methods=["POST"]),
        ]


def build_app(application: Application, metrics: Metrics, server: MemoryMcpServer) -> ASGIApp:
    """The whole application behind its guard.

    Every MCP request stands alone (stateless): nothing piles up in memory, and clients survive a restart.
    """
    listen = application.settings.listen
    starlette = server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=listen.max_body_bytes,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # Guard does it
    )
    # In front of the SDK's route, which takes every method.
    starlette.router.routes[:0] = Routes(application, metrics, Reindexing(application.indexer)).table()
    return Guard(
        starlette,
        token=_token(application),
        allowed_hosts=[*listen.allowed_hosts, listen.host],
        max_concurrent_requests=listen.max_concurrent_requests,
        answered=metrics.http_answered,
    )


def _discarding(snapshot: Snapshot) -> Iterator[bytes]:
    """The stream; its files go when it has been sent, or when the client has left."""
    try:
        yield from snapshot.chunks()
    finally:
        snapshot.discard()


def _token(application: Application) -> Callable[[], str] | None:
    secret = application.settings.listen.token
    if secret is None:
        return None
    return lambda: resolve(secret)
