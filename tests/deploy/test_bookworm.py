"""The same deployment on Debian 12: PostgreSQL 15, Python 3.11, Prometheus 2.42, Alertmanager 0.25."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host

OURS = (
    "claude-memory-mcp",
    "claude-memory-controlplane",
    "claude-memory-wal-receiver",
    "claude-memory-mcp-schema",
    "claude-memory-controlplane-schema",
)
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def deployment(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> Deployment:
    return Deployment(make_host("bookworm", "bookworm"), checkout, run_dir / "inventory-bookworm")


def test_a_blank_host_becomes_green_although_runs_were_cut_off(deployment: Deployment) -> None:
    # Anywhere: in the packages, in the release, in the configuration.
    places = sorted(random.sample(range(55, 130), 2))
    try:
        for place in places:
            deployment.cut_off(place)
        deployment.deploy()
    except AssertionError as error:
        error.add_note(f"the runs before were killed in their tasks {places}")
        raise
    deployment.wait_until_green()


def test_a_second_run_changes_nothing(deployment: Deployment) -> None:
    assert deployment.deploy().changes() == []


@pytest.mark.parametrize(
    "unit", [*OURS, "postgresql@15-main", "prometheus", "alertmanager", "prometheus-node-exporter"]
)
def test_units_are_sandboxed(deployment: Deployment, unit: str) -> None:
    assert deployment.exposure(unit) <= (2.0 if unit in OURS else 4.0)


def test_data_that_are_lost_come_back(deployment: Deployment) -> None:
    host = deployment.host
    host.execute("cmctl", "backup", "create", timeout_seconds=300)
    host.execute("cmctl", "backup", "verify", timeout_seconds=300)
    deployment.alert("StoredAfterTheSet")  # only the archive has it
    host.execute("systemctl", "stop", "postgresql")
    host.execute("rm", "-r", "/var/lib/postgresql/15/main")
    host.execute("cmctl", "restore", "--confirm", "claude-memory", timeout_seconds=300)
    deployment.wait_until_green()
    assert "StoredAfterTheSet" in deployment.alerts()


def test_everything_is_back_after_a_reboot(deployment: Deployment) -> None:
    deployment.host.reboot()
    deployment.wait_until_green()
