"""The same deployment on Debian 12: PostgreSQL 15, Python 3.11, Prometheus 2.42, Alertmanager 0.25."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host


@pytest.fixture(scope="module")
def deployment(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> Deployment:
    return Deployment(make_host("bookworm", "bookworm"), checkout, run_dir / "inventory-bookworm")


def test_a_blank_host_becomes_green(deployment: Deployment) -> None:
    deployment.deploy()
    deployment.wait_until_green()


def test_a_second_run_changes_nothing(deployment: Deployment) -> None:
    assert deployment.deploy().changes() == []


def test_everything_is_back_after_a_reboot(deployment: Deployment) -> None:
    deployment.host.reboot()
    deployment.wait_until_green()
