"""Kind ``process``: a process is alive; its memory and open files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from controlplane.adapters.probes.answers import bytes_text
from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.threads import ThreadSlot
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation


class ProcessProbe:
    """``target`` is the path of a pid file, or the name of a program. Limits apply to resident bytes."""

    def __init__(self, target: str, limits: Limits) -> None:
        self._target = target
        self._limits = limits
        self._slot = ThreadSlot(f"the process check of {target}")

    async def observe(self) -> Observation:
        """CRITICAL when there is no such process; of several the sum counts."""
        return await self._slot.call(self._look)

    def _look(self) -> Observation:
        processes = _by_pid_file(Path(self._target)) if self._target.startswith("/") else _by_name(self._target)
        if not processes:
            return Observation(CheckState.CRITICAL, f"no process of {self._target}")
        resident = float(sum(_read(process.memory_info, "rss") for process in processes))
        files = sum(_read(process.num_fds) for process in processes)
        pids = ", ".join(str(process.pid) for process in processes[:5])
        message = f"{self._target} runs (pid {pids}), {bytes_text(resident)} resident, {files} open files"
        return Observation(self._limits.judge(resident), message, resident, "B")


def _by_pid_file(path: Path) -> list[Any]:
    import psutil

    try:
        process = psutil.Process(int(path.read_text(encoding="ascii").split()[0]))
        return [process] if process.status() != psutil.STATUS_ZOMBIE else []
    except (OSError, ValueError, IndexError, psutil.Error):
        return []


def _by_name(name: str) -> list[Any]:
    import psutil

    found = psutil.process_iter(["name", "status"])
    return [item for item in found if item.info["name"] == name and item.info["status"] != psutil.STATUS_ZOMBIE]


def _read(read: Callable[[], Any], part: str | None = None) -> int:
    """A figure of a process, 0 when it is gone or another user's."""
    import psutil

    try:
        figure = read()
        return int(getattr(figure, part) if part else figure)
    except psutil.Error:
        return 0


def build(spec: CheckSpec, context: ProbeContext) -> ProcessProbe:
    """The target is the path of a pid file, or the name of a program."""
    return ProcessProbe(spec.target, spec.limits)
