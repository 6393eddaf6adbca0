"""Kind ``tcp``: a port accepts connections."""

import asyncio
import time

from controlplane.adapters.http import describe
from controlplane.adapters.probes.context import ProbeContext
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation
from controlplane.errors import UsageProblem


class TcpProbe:
    """Connects and hangs up. Limits apply to the seconds taken."""

    def __init__(self, host: str, port: int, limits: Limits) -> None:
        self._host = host
        self._port = port
        self._limits = limits

    async def observe(self) -> Observation:
        """CRITICAL when refused."""
        where = f"{self._host}:{self._port}"
        started = time.perf_counter()
        try:
            _, writer = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            return Observation(CheckState.CRITICAL, f"{where}: {describe(error)}")
        seconds = time.perf_counter() - started
        writer.close()
        message = f"{where} accepts connections in {seconds * 1000:.0f} ms"
        return Observation(self._limits.judge(seconds), message, round(seconds, 6), "s")


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[address]:port``. Raises UsageProblem."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageProblem(f"{text!r} is not host:port")
    return host.strip("[]"), int(port)


def build(spec: CheckSpec, context: ProbeContext) -> TcpProbe:
    """Raises UsageProblem for a target that is not ``host:port``."""
    host, port = split_address(spec.target)
    return TcpProbe(host, port, spec.limits)
