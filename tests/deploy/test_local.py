"""The inventory `local` as it is shipped: a blank host with the checkout deploys to itself, as the README says."""

import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host
from tests.deploy.harness.playbooks import Outcome, outcome_of

pytestmark = pytest.mark.long


class LocalDeployment(Deployment):
    """Ansible runs on the host itself."""

    def play(self, playbook: str = "site.yml", *options: str) -> Outcome:
        """Run a playbook there."""
        command = shlex.join([".venv/bin/ansible-playbook", "-i", "inventories/local", playbook, *options])
        started = time.monotonic()
        shell = f"cd /root/checkout && ANSIBLE_NOCOLOR=1 {command} 2>&1; echo $?"
        output, _, returncode = self.host.execute("sh", "-c", shell, timeout_seconds=900).rstrip().rpartition("\n")
        return outcome_of(int(returncode), output, time.monotonic() - started)


@pytest.fixture(scope="module")
def itself(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> LocalDeployment:
    """A blank host with a copy of the checkout in it."""
    host = make_host("itself", "trixie")
    shutil.copytree(checkout, host.root / "root/checkout")
    host.execute("sh", "-c", "cd /root/checkout && scripts/bootstrap.sh requirements-deploy.lock", timeout_seconds=600)
    return LocalDeployment(host, checkout, run_dir / "inventory-itself")


def test_a_check_changes_nothing(itself: LocalDeployment) -> None:
    before = itself.host.files()
    assert itself.deploy("--check", "--diff").changed > 10
    assert itself.host.files() == before


def test_a_machine_deploys_to_itself(itself: LocalDeployment) -> None:
    itself.deploy()
    itself.wait_until_green()
    assert itself.play("playbooks/verify.yml").returncode == 0


def test_a_second_run_changes_nothing(itself: LocalDeployment) -> None:
    assert itself.deploy().changes() == []
