"""Kind ``memory``: how much of this machine's memory is in use and cannot be had."""

from pathlib import Path

from controlplane.adapters.probes.answers import bytes_text, percentage
from controlplane.adapters.probes.context import ProbeContext
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation

MEMINFO = Path("/proc/meminfo")
_KIB = 1024


class MemoryProbe:
    """Reads the kernel's own estimate of what is available."""

    def __init__(self, limits: Limits, source: Path = MEMINFO) -> None:
        self._limits = limits
        self._source = source

    async def observe(self) -> Observation:
        """Used percentage of the memory."""
        try:
            total, available = read_memory(self._source)
        except (OSError, ValueError, KeyError) as error:
            return Observation(CheckState.UNKNOWN, f"{self._source} cannot be understood: {error}")
        detail = f"{bytes_text(available)} of {bytes_text(total)} available"
        return percentage("memory", 100 * (total - available) / total, self._limits, detail)


def read_memory(source: Path) -> tuple[int, int]:
    """Total and available bytes. Raises OSError, KeyError, ValueError."""
    pairs = (line.partition(":") for line in source.read_text(encoding="ascii").splitlines())
    fields = {name: rest for name, _, rest in pairs}
    return int(fields["MemTotal"].split()[0]) * _KIB, int(fields["MemAvailable"].split()[0]) * _KIB


def build(spec: CheckSpec, context: ProbeContext) -> MemoryProbe:
    """There is no target."""
    return MemoryProbe(spec.limits)
