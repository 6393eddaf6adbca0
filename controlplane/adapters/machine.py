"""Implements ``Machine``: this machine's processes and ports as one stack sees them."""

from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from controlplane.adapters.processes import bind_problem, describe, end_processes, port_holder, stack_processes
from controlplane.config.paths import DataLayout
from controlplane.errors import CmctlError

_END_TIMEOUT_SECONDS = 60


class LocalMachine:
    """``addresses`` maps each component that listens to its host and port."""

    def __init__(self, layout: DataLayout, addresses: Mapping[str, tuple[str, int]]) -> None:
        self._layout = layout
        self._addresses = addresses

    def _ours(self) -> list[psutil.Process]:
        return stack_processes(self._layout.data_dir, Path(self._layout.postgresql))

    def leftovers(self) -> list[str]:
        """Processes of this stack that nobody supervises, described."""
        return [describe(process) for process in self._ours()]

    def end_leftovers(self) -> None:
        """Stop those processes and wait until they are gone. Raises CmctlError for one that stays."""
        end_processes(self._ours(), _END_TIMEOUT_SECONDS)
        if remaining := self.leftovers():
            raise CmctlError(f"could not be stopped: {', '.join(remaining)}", hint="stop it, then type: cmctl up")

    def check_ports(self, components: Collection[str]) -> None:
        """Raise CmctlError naming the holder of a port that one of the components needs."""
        listening = [name for name in components if name in self._addresses]
        blocked = {name: problem for name in listening if (problem := bind_problem(*self._addresses[name]))}
        if not blocked:
            return
        ours = {process.pid for process in self._ours()}
        for name, problem in blocked.items():
            host, port = self._addresses[name]
            holder = port_holder(port)
            if holder is not None and holder.pid in ours:
                continue
            who = f"is held by {describe(holder)}" if holder else f"cannot be used: {problem}"
            raise CmctlError(
                f"port {port} on {host}, which {name} needs, {who}",
                hint="stop it, or move this stack with --port-offset 1000",
            )
