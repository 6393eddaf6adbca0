"""Runs the HTTP server until it is told to stop."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from mcp_server.application import Application
from mcp_server.config import Listen, Settings
from mcp_server.errors import MemoryServerError, ServerUnreachable
from mcp_server.http.app import build_app
from mcp_server.readiness import announced
from mcp_server.settings_file import load
from mcp_server.wiring import build_server, running

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 5


class HttpServer(uvicorn.Server):
    """uvicorn, except that a signal ends the serving and not the process: memories are settled afterwards."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop gracefully on SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True


async def serve(settings: Settings, config_file: Path) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads ``debug_delay_seconds`` again. Raises MemoryServerError."""
    listener = bind(settings.listen)
    with listener:
        async with running(settings) as application:
            _reload_on_hangup(application, config_file)
            server, metrics = build_server(application)
            http = HttpServer(_uvicorn_config(build_app(application, metrics, server)))
            host, port = listener.getsockname()[:2]
            logger.info("Serving", extra={"action": "serve", "host": host, "port": port})
            async with announced():
                await http.serve(sockets=[listener])
    logger.info("Stopped", extra={"action": "serve"})


def bind(listen: Listen) -> socket.socket:
    """Take the port. Raises ServerUnreachable, which names it, when it cannot be had."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY by protocol
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((listen.host, listen.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ServerUnreachable(
            f"port {listen.port} on {listen.host} cannot be used: {error.strerror}",
            hint=f"find its holder with `ss -ltnp 'sport = :{listen.port}'`, or change listen.port",
        ) from error
    listener.setblocking(False)
    return listener


def _uvicorn_config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # uvicorn's own ASGI types are narrower than Starlette's
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _reload_on_hangup(application: Application, config_file: Path) -> None:
    def reload() -> None:
        try:
            application.debug_delay_seconds = load(config_file).debug_delay_seconds
        except MemoryServerError as error:
            logger.error("Configuration was not read again", extra={"action": "reload", "reason": error.message})
            return
        extra = {"action": "reload", "debug_delay_seconds": application.debug_delay_seconds}
        logger.info("Configuration was read again", extra=extra)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
