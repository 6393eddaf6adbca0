"""A host of the commit before: upgraded with its data, and brought back when the new release does not start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host


@pytest.fixture(scope="module")
def deployment(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> Deployment:
    return Deployment(make_host("upgraded", "trixie"), checkout, run_dir / "inventory-upgraded")


@pytest.fixture(scope="module")
def before(checkout_before: Path, run_dir: Path, deployment: Deployment) -> Deployment:
    """The same host, deployed from the commit before."""
    return Deployment(deployment.host, checkout_before, run_dir / "inventory-before")


def test_an_upgrade_from_the_commit_before_keeps_the_data(deployment: Deployment, before: Deployment) -> None:
    before.deploy()
    before.wait_until_green()
    before.alert("StoredByTheCommitBefore")
    outcome = deployment.play("playbooks/upgrade.yml")
    assert outcome.returncode == 0, outcome.output[-4000:]
    deployment.wait_until_green()
    assert "StoredByTheCommitBefore" in deployment.alerts()


def test_site_after_an_upgrade_leaves_nothing_to_change(deployment: Deployment) -> None:
    deployment.deploy()
    deployment.wait_until_green()
    assert deployment.deploy("--check").changes() == []


def test_a_failed_upgrade_is_rolled_back(deployment: Deployment) -> None:
    before = deployment.release()
    module = deployment.checkout / "controlplane/daemon/server.py"
    sound = module.read_text()
    module.write_text(sound + '\nraise RuntimeError("a broken release")\n')
    try:
        outcome = deployment.play("playbooks/upgrade.yml")
    finally:
        module.write_text(sound)
    assert outcome.returncode != 0
    assert "runs again" in outcome.output
    assert deployment.release() == before
    deployment.wait_until_green()
