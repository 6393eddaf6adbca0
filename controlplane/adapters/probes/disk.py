"""Kind ``disk``: how full the file system of a path is, in space and in inodes."""

import os

from controlplane.adapters.probes.answers import bytes_text, percentage
from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.threads import ThreadSlot
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation


class DiskProbe:
    """In a thread: a dead network mount answers never."""

    def __init__(self, path: str, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._slot = ThreadSlot(f"the disk check of {path}")

    async def observe(self) -> Observation:
        """The fuller of space and inodes. CRITICAL when the path does not exist."""
        try:
            return await self._slot.call(self._look)
        except OSError as error:
            return Observation(CheckState.CRITICAL, f"{self._path}: {error.strerror}")

    def _look(self) -> Observation:
        found = os.statvfs(self._path)
        # As df does: what only root may use counts as neither used nor free.
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        free = found.f_bavail * found.f_frsize
        space = 100 * used / (used + free) if used + free else 0.0
        inodes = 100 * (found.f_files - found.f_ffree) / found.f_files if found.f_files else 0.0
        if inodes > space:
            return percentage(f"inodes of {self._path}", inodes, self._limits, f"{found.f_favail} left")
        return percentage(f"disk of {self._path}", space, self._limits, f"{bytes_text(free)} free")


def build(spec: CheckSpec, context: ProbeContext) -> DiskProbe:
    """The target is a path."""
    return DiskProbe(spec.target, spec.limits)
