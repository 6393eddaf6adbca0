"""Running the application until SIGTERM or SIGINT, then draining it."""

import asyncio
import contextlib
import ctypes
import errno
import gc
import logging
import signal
import sys

from aiohttp import web

from controlplane.daemon.readiness import announced
from controlplane.errors import CmctlError

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
KEEPALIVE_SECONDS = 75.0
SWITCH_INTERVAL_SECONDS = 0.0001
GARBAGE_THRESHOLDS = (50_000, 20, 50)
# Buffers of this size and more go back to the system when they are freed. By itself glibc raises the limit with every
# large payload and keeps them all, in pieces: 8 MB more in a storm.
MALLOPT_MMAP_THRESHOLD = -3
LARGE_BUFFER_BYTES = 512 * 1024


async def serve(app: web.Application, host: str, port: int, listening: asyncio.Event) -> None:
    """Serve until a signal asks to stop. Starting and stopping resources is the application's cleanup_ctx.

    ``listening`` is set once requests are answered.
    On a signal: stop accepting, let running requests end, then stop the resources.
    Raises CmctlError when the address cannot be used.
    """
    _tune_interpreter()
    stopping = _stop_on_signals()
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=DRAIN_SECONDS, keepalive_timeout=KEEPALIVE_SECONDS
    )
    await runner.setup()
    try:
        await _listen(runner, host, port)
        logger.info("The control plane is listening", extra={"action": "listen", "host": host, "port": port})
        listening.set()
        async with announced():
            await stopping.wait()
        logger.info("The control plane is draining", extra={"action": "drain"})
    finally:
        await runner.cleanup()
    logger.info("The control plane has stopped", extra={"action": "stop"})


def _tune_interpreter() -> None:
    """Fewer garbage collections, since payloads make many objects and no cycles; faster changes of thread."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    # the journal's writer hands over to the event loop after each sync: do not keep it waiting for the interpreter
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    with contextlib.suppress(AttributeError, OSError):  # a C library that is not glibc manages by itself
        ctypes.CDLL(None).mallopt(MALLOPT_MMAP_THRESHOLD, LARGE_BUFFER_BYTES)


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        reason = "is already in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise CmctlError(
            f"address {host}:{port} {reason}",
            hint=f"see who holds it with: ss -ltnp 'sport = :{port}'; or set ports.controlplane or port_offset",
        ) from error
