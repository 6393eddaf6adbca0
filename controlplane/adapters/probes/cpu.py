"""Kind ``cpu``: how busy this machine's cores were since the last look."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from controlplane.adapters.probes.answers import percentage
from controlplane.adapters.probes.context import ProbeContext
from controlplane.domain.check import CheckSpec, Limits, Observation

# The kernel counts hundredths of a second; shorter looks would be mostly rounding.
SHORTEST_LOOK_SECONDS = 0.25
STAT = Path("/proc/stat")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class CpuTimes:
    """Seconds that all cores together were busy, and that passed."""

    busy: float
    total: float


class CpuProbe:
    """The first look, and one right after another, takes a short sample; every other looks back to the last."""

    def __init__(self, limits: Limits, shortest_look_seconds: float = SHORTEST_LOOK_SECONDS) -> None:
        self._limits = limits
        self._shortest_look_seconds = shortest_look_seconds
        self._last: CpuTimes | None = None
        self._last_at = 0.0

    async def observe(self) -> Observation:
        """Busy percentage of all cores."""
        loop = asyncio.get_running_loop()
        if self._last is None or loop.time() - self._last_at < self._shortest_look_seconds:
            # Over a moment this short, the start of this very process would be most of the load.
            own = time.process_time()
            before, before_at = read_times(), loop.time()
            await asyncio.sleep(self._shortest_look_seconds)
            before = CpuTimes(before.busy + time.process_time() - own, before.total)
        else:
            before, before_at = self._last, self._last_at
        now, now_at = read_times(), loop.time()
        self._last, self._last_at = now, now_at
        return percentage("cpu", busy_percent(before, now), self._limits, f"over {now_at - before_at:.1f} s")


def busy_percent(before: CpuTimes, now: CpuTimes) -> float:
    """Busy share between two readings; counters that stand still or run back give 0."""
    passed = now.total - before.total
    return min(100.0, max(0.0, 100 * (now.busy - before.busy) / passed)) if passed > 0 else 0.0


def read_times(source: Path = STAT) -> CpuTimes:
    """Read the kernel's counters (proc(5)). Waiting for disks is not busy; guests are already part of user time."""
    fields = source.read_text(encoding="ascii").partition("\n")[0].split()[1:9]
    user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = (int(field) / TICKS for field in fields)
    busy = user + nice + system + interrupts + soft_interrupts + stolen
    return CpuTimes(busy, busy + idle + waiting)


def build(spec: CheckSpec, context: ProbeContext) -> CpuProbe:
    """There is no target."""
    return CpuProbe(spec.limits)
