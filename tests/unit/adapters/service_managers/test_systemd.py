"""The systemd adapter against a systemctl that answers from a file; the real one is in tests/deploy."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.adapters.service_managers.systemd import SystemdServiceManager
from controlplane.domain.component import ComponentState
from controlplane.errors import CmctlError, DependencyUnreachable, UsageProblem

SHOWN = """Id=postgresql@17-main.service
LoadState=loaded
ActiveState=active
SubState=running
MainPID=42
StateChangeTimestamp=@1700000000
Result=success

Id=prometheus.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
MainPID=0
StateChangeTimestamp=
Result=exit-code

Id=alertmanager.service
LoadState=not-found
ActiveState=inactive
SubState=dead
MainPID=0
StateChangeTimestamp=
Result=success
"""
COMPONENTS = ["postgresql", "prometheus", "alertmanager"]


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that records its arguments and answers with SHOWN, or fails with the text of the file ``failure``."""
    program = tmp_path / "systemctl"
    (tmp_path / "shown").write_text(SHOWN)
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n'
        f"if [ -e {tmp_path}/failure ]; then cat {tmp_path}/failure >&2; exit 1; fi\ncat {tmp_path}/shown\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_states_come_from_systemd(systemctl: Path) -> None:
    found = {status.component: status for status in SystemdServiceManager(COMPONENTS).statuses()}
    assert found["postgresql"].state is ComponentState.RUNNING
    assert found["postgresql"].pid == 42
    assert found["postgresql"].since == datetime.fromtimestamp(1700000000, UTC)
    assert found["prometheus"].state is ComponentState.STARTING
    assert "exit-code" in found["prometheus"].detail
    assert found["alertmanager"].state is ComponentState.STOPPED
    assert "no such unit" in found["alertmanager"].detail


def test_postgresql_is_controlled_through_the_unit_of_all_clusters(systemctl: Path) -> None:
    SystemdServiceManager(COMPONENTS).restart("postgresql")
    assert (systemctl / "calls").read_text().split()[-2:] == ["restart", "postgresql.service"]


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("Failed to connect to bus: No such file or directory", DependencyUnreachable),
        ("Interactive authentication required.", CmctlError),
    ],
)
def test_failures_say_what_to_do(systemctl: Path, stderr: str, expected: type[CmctlError]) -> None:
    (systemctl / "failure").write_text(stderr)
    with pytest.raises(expected) as caught:
        SystemdServiceManager(COMPONENTS).stop("prometheus")
    assert stderr in caught.value.message
    assert caught.value.hint


def test_an_unknown_component_is_a_usage_problem(systemctl: Path) -> None:
    with pytest.raises(UsageProblem, match="no such component: mysql"):
        SystemdServiceManager(COMPONENTS).start("mysql")
