"""Tell systemd that the daemon is ready, and that it is still alive (sd_notify(3)). Does nothing elsewhere."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping


def notify(message: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send one message to the service manager, when there is one that listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)


def watchdog_seconds(environment: Mapping[str, str] = os.environ) -> float | None:
    """How often systemd wants to hear from us at least; None when it does not."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    meant_for = environment.get("WATCHDOG_PID", "") or str(os.getpid())
    return int(microseconds) / 1e6 if microseconds.isdigit() and meant_for == str(os.getpid()) else None


@contextlib.asynccontextmanager
async def announced(environment: Mapping[str, str] = os.environ) -> AsyncIterator[None]:
    """Ready inside, stopping afterwards; feeds the watchdog from the event loop, so that a stuck loop is noticed."""
    feeding = asyncio.create_task(_feed(environment))
    notify("READY=1", environment)
    try:
        yield
    finally:
        notify("STOPPING=1", environment)
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding


async def _feed(environment: Mapping[str, str]) -> None:
    seconds = watchdog_seconds(environment)
    while seconds is not None:
        notify("WATCHDOG=1", environment)
        await asyncio.sleep(seconds / 3)
