"""HostWatch on Linux: the loopback interface, the way to other hosts, and the clock."""

import asyncio
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.adapters.threads import in_thread
from controlplane.domain.guard import HostFacts, is_loopback

_LOOPBACK_TIMEOUT_SECONDS = 2.0
_RESOLVE_TIMEOUT_SECONDS = 3.0
_DISCARD_PORT = 9  # any will do: connecting a UDP socket sends nothing, it only asks for a route


@dataclass(frozen=True)
class ClockReading:
    """The same moment on three clocks, in seconds: of the day, since boot, and since boot without sleep."""

    wall: float
    boot: float
    monotonic: float


def read_clocks() -> ClockReading:
    """Read the three clocks at once."""
    return ClockReading(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic())


class LinuxHostWatch:
    """Keeps the last reading of the clocks, so that the first look never reports a step."""

    def __init__(self) -> None:
        self._last: ClockReading | None = None

    async def facts(self, hosts: Iterable[str]) -> HostFacts:
        """Test the loopback interface, the clock, and the way to each of ``hosts``; at most a few seconds."""
        step, suspended = self._clock_moves(read_clocks())
        remote = sorted(host for host in set(hosts) if not is_loopback(host))
        loopback, ways = await asyncio.gather(loopback_works(), asyncio.gather(*(way_problem(host) for host in remote)))
        unreachable = {host: problem for host, problem in zip(remote, ways, strict=True) if problem}
        return HostFacts(loopback, unreachable, step, suspended)

    def _clock_moves(self, now: ClockReading) -> tuple[float, float]:
        last, self._last = self._last, now
        if last is None:
            return 0.0, 0.0
        return clock_moves(last, now)


def clock_moves(last: ClockReading, now: ClockReading) -> tuple[float, float]:
    """How far the clock was set, and how long the machine slept, between two readings, in seconds."""
    passed = now.boot - last.boot
    return (now.wall - last.wall) - passed, passed - (now.monotonic - last.monotonic)


async def loopback_works() -> bool:
    """Whether this machine can connect to itself. True when that cannot be tried."""

    def connect() -> bool:
        with socket.socket() as listener:
            listener.settimeout(_LOOPBACK_TIMEOUT_SECONDS)
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            with socket.create_connection(listener.getsockname(), timeout=_LOOPBACK_TIMEOUT_SECONDS):
                return True

    try:
        return await in_thread(connect, "loopback test")
    except OSError:
        return False


async def way_problem(host: str) -> str | None:
    """Why this machine has no way to ``host``; None when it has one, or when the host's own name is wrong."""
    try:
        async with asyncio.timeout(_RESOLVE_TIMEOUT_SECONDS):
            return await in_thread(lambda: _route_problem(host), "route test")
    except TimeoutError:
        return "this machine cannot resolve names: its name server does not answer"


def _route_problem(host: str) -> str | None:
    try:
        found = socket.getaddrinfo(host, _DISCARD_PORT, type=socket.SOCK_DGRAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            return "this machine cannot resolve names: no name server answers"
        return None
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.connect(address)
            except OSError:
                continue
            return None
    return f"this machine has no route to {host}"
