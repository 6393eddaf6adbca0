"""Start and stop the embedded stack: everything or some components, all the way to healthy or not at all."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from controlplane.domain.component import RELOADABLE, ComponentStatus, stages_of
from controlplane.services.ports import ServiceManager
from controlplane.services.start_watch import StartFailed, wait_until_ready

_LOG_LINES = 15


class Supervision(ServiceManager, Protocol):
    """A service manager of our own that comes and goes with the stack."""

    def is_running(self) -> bool:
        """Whether it answers."""
        ...

    def launch(self) -> None:
        """Start it, with every component stopped."""
        ...

    def update(self) -> list[str]:
        """Take over a changed configuration; changed components are stopped and returned."""
        ...

    def request_stop(self, component: str) -> None:
        """Ask a component to stop and return at once."""
        ...

    def wait_until_stopped(self, component: str) -> None:
        """Wait until a component's process is gone. Raises CmctlError when it takes too long."""
        ...

    def shut_down(self) -> None:
        """Stop every component and the manager itself."""
        ...

    def forget(self) -> None:
        """Remove what a killed manager left in the file system."""
        ...


class Machine(Protocol):
    """The processes and ports of this machine."""

    def leftovers(self) -> list[str]:
        """Processes of this stack that nobody supervises, described."""
        ...

    def end_leftovers(self) -> None:
        """Stop those processes and wait until they are gone."""
        ...

    def check_ports(self, components: Collection[str]) -> None:
        """Raise CmctlError naming the holder of a port that one of the components needs."""
        ...


class Installation(Protocol):
    """The files of the stack."""

    def install(self, components: Collection[str], database_is_stopped: bool) -> None:
        """Make secrets, database directory and configuration. Raises CmctlError."""
        ...

    def provision(self) -> None:
        """Create roles and databases in the running PostgreSQL."""
        ...

    def pending_reloads(self) -> list[str]:
        """Components whose configuration on disk is newer than the one they run with."""
        ...

    def reloaded(self, component: str) -> None:
        """The component runs with the configuration on disk."""
        ...

    def last_log_lines(self, component: str, count: int) -> list[str]:
        """The newest lines of a component's log."""
        ...


class Progress(Protocol):
    """Tells people what is happening."""

    def note(self, text: str) -> None:
        """One line."""
        ...

    def component(self, name: str, text: str, is_done: bool) -> None:
        """What a component is doing."""
        ...


@dataclass(frozen=True)
class UpReport:
    """What ``up`` found and did."""

    statuses: list[ComponentStatus]
    healthy: list[str]
    started: list[str]
    restarted: list[str]
    reloaded: list[str]


@dataclass(frozen=True)
class Stack:
    """``readiness`` says why a component does not serve yet, None when it does."""

    supervision: Supervision
    machine: Machine
    installation: Installation
    readiness: Callable[[str], str | None]
    progress: Progress

    def up(self, components: Sequence[str], timeout_seconds: float) -> UpReport:
        """Start ``components`` and wait until each is healthy.

        What already runs is left alone unless its configuration changed.
        Raises CmctlError; then everything this call started is stopped again.
        """
        deadline = time.monotonic() + timeout_seconds
        is_running = self.supervision.is_running()
        if not is_running:
            self._clear_leftovers()
        alive = self._alive()
        self.machine.check_ports(components)
        started: list[str] = []
        try:
            self.installation.install({*components, *alive}, database_is_stopped="postgresql" not in alive)
            changed = self._supervise(is_running)
            wanted = [*components, *(name for name in changed if name in alive and name not in components)]
            for stage in stages_of(wanted):
                self._start_stage(stage, started, deadline)
        except BaseException:
            self._undo(is_running, [name for name in started if name not in alive])
            raise
        reloaded = self._reload(started)
        return UpReport(
            statuses=self.supervision.statuses(),
            healthy=wanted,
            started=[name for name in started if name not in alive],
            restarted=[name for name in started if name in alive],
            reloaded=reloaded,
        )

    def down(self, components: Sequence[str]) -> list[str]:
        """Stop ``components``, all of them when none is named; returns those that ran.

        Raises CmctlError when one does not stop.
        """
        if not self.supervision.is_running():
            return self._clear_leftovers()
        alive = self._alive()
        stopping = [name for name in alive if name in components or not components]
        self._stop(stopping)
        if not components:
            self.supervision.shut_down()
        return stopping

    def _alive(self) -> list[str]:
        return [status.component for status in self.supervision.statuses() if status.state.is_alive]

    def _clear_leftovers(self) -> list[str]:
        leftovers = self.machine.leftovers()
        if leftovers:
            self.progress.note(f"stopping what an earlier start left behind: {', '.join(leftovers)}")
            self.machine.end_leftovers()
        self.supervision.forget()
        return leftovers

    def _supervise(self, is_running: bool) -> list[str]:
        if is_running:
            return self.supervision.update()
        self.supervision.launch()
        return []

    def _start_stage(self, stage: Sequence[str], started: list[str], deadline: float) -> None:
        for component in stage:
            if not self.supervision.status(component).state.is_alive:
                started.append(component)
                self.progress.component(component, "starting", False)
                self.supervision.start(component)
        self._wait_until_ready(stage, started, deadline)
        if "postgresql" in stage:
            self.installation.provision()

    def _wait_until_ready(self, stage: Sequence[str], started: Collection[str], deadline: float) -> None:
        def report(component: str, problem: str | None) -> None:
            text = problem or ("started" if component in started else "already running")
            self.progress.component(component, text, problem is None)

        try:
            wait_until_ready(stage, self.supervision.statuses, self.readiness, report, deadline)
        except StartFailed as failure:
            self._show_log(failure.component)
            raise

    def _show_log(self, component: str) -> None:
        for line in self.installation.last_log_lines(component, _LOG_LINES):
            self.progress.note(f"{component} | {line}")

    def _reload(self, started: Collection[str]) -> list[str]:
        reloaded = []
        for component in self.installation.pending_reloads():
            if component in RELOADABLE and component not in started and component in self._alive():
                self.supervision.reload(component)
                reloaded.append(component)
            self.installation.reloaded(component)
        return reloaded

    def _stop(self, components: Collection[str]) -> None:
        for stage in reversed(stages_of(components)):
            for component in stage:
                self.progress.component(component, "stopping", False)
                self.supervision.request_stop(component)
            for component in stage:
                self.supervision.wait_until_stopped(component)
                self.progress.component(component, "stopped", True)

    def _undo(self, was_running: bool, started: Collection[str]) -> None:
        if was_running:
            self._stop(started)
            return
        if self.supervision.is_running():
            self.supervision.shut_down()
        self.machine.end_leftovers()
        self.supervision.forget()
