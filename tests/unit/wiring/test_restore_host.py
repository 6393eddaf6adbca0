"""Stopping and starting a deployed host's components for a restore, with a stand-in for systemd."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.adapters.backup.vectors import VectorSnapshots
from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.errors import CmctlError
from controlplane.wiring.restore_host import HostComponents

NAMES = ("postgresql", "wal_receiver", "mcp_server", "controlplane")


class SlowManager:
    """Every wish is granted when it has been asked about once more."""

    def __init__(self, is_stuck: Callable[[str], bool] = lambda _: False) -> None:
        self.log: list[str] = []
        self.states = dict.fromkeys(NAMES, ComponentState.RUNNING)
        self.wanted: dict[str, ComponentState] = {}
        self.is_stuck = is_stuck

    def statuses(self) -> list[ComponentStatus]:
        seen = [ComponentStatus(name, state) for name, state in self.states.items()]
        for name, state in self.wanted.items():
            if not self.is_stuck(name) and self.states[name] is not state:
                self.states[name] = state
                self.log.append(f"{name} {state.value}")
        return seen

    def status(self, component: str) -> ComponentStatus:
        return next(item for item in self.statuses() if item.component == component)

    def start(self, component: str) -> None:
        self.log.append(f"start {component}")
        self.wanted[component] = ComponentState.RUNNING

    def stop(self, component: str) -> None:
        self.log.append(f"stop {component}")
        self.wanted[component] = ComponentState.STOPPED

    restart = reload = start


def components(manager: SlowManager, seconds: float = 60) -> HostComponents:
    return HostComponents(manager, VectorSnapshots(Path("/none"), Path("/none")), NAMES, seconds)


def test_postgresql_has_stopped_before_the_receiver_is_told_to() -> None:
    manager = SlowManager()
    components(manager).stop(["wal_receiver", "postgresql", "mcp_server"])
    assert manager.log == [
        "stop mcp_server", "mcp_server stopped",
        "stop postgresql", "postgresql stopped",
        "stop wal_receiver", "wal_receiver stopped",
    ]  # fmt: skip


def test_postgresql_runs_before_the_others_are_started() -> None:
    manager = SlowManager()
    manager.states = dict.fromkeys(NAMES, ComponentState.STOPPED)
    assert components(manager).start([]) == []
    assert manager.log[:2] == ["start postgresql", "postgresql running"]
    assert manager.log[-1] == "controlplane running"


def test_what_does_not_stop_ends_the_restore_and_what_does_not_start_is_told() -> None:
    stuck = SlowManager(lambda name: name == "mcp_server")
    with pytest.raises(CmctlError, match="mcp_server does not stop"):
        components(stuck, 0).stop(["mcp_server"])
    stuck.states["mcp_server"] = ComponentState.STOPPED
    assert components(stuck, 0).start(["mcp_server"]) == ["mcp_server does not run"]
