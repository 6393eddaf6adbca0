"""Kind ``writable``: this process could write a file, or into a folder."""

import os

from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.threads import ThreadSlot
from controlplane.domain.check import CheckSpec, CheckState, Observation


class WritableProbe:
    """Looks at permissions and the mount, and writes nothing. A file that does not exist needs a writable folder."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._slot = ThreadSlot(f"the check of {path}")

    async def observe(self) -> Observation:
        """CRITICAL when writing would be refused."""
        return await self._slot.call(self._look)

    def _look(self) -> Observation:
        looked_at = self._path if os.path.lexists(self._path) else os.path.dirname(self._path)  # noqa: PTH120
        if not os.path.lexists(looked_at):
            return Observation(CheckState.CRITICAL, f"{looked_at} does not exist")
        read_only = bool(os.statvfs(looked_at).f_flag & os.ST_RDONLY)
        if read_only or not os.access(looked_at, os.W_OK):
            why = "its file system is read-only" if read_only else "permission denied"
            return Observation(CheckState.CRITICAL, f"{self._path} cannot be written: {why}")
        return Observation(CheckState.OK, f"{self._path} can be written")


def build(spec: CheckSpec, context: ProbeContext) -> WritableProbe:
    """The target is a path."""
    return WritableProbe(spec.target)
