"""The inventory `testbed` as it is shipped, on three Debian 13 hosts; a second one adds only where they are."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.deploy.harness.commands import wait_until
from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host
from tests.deploy.harness.playbooks import Outcome, play

pytestmark = pytest.mark.long

PLACES = ("data", "programs", "monitoring")
DOWN = "ClaudeMemoryTargetDown"


class SmallDeployment(Deployment):
    """The hosts of the inventory by name; ``host`` is the control plane's."""

    def __init__(self, hosts: Mapping[str, Host], checkout: Path, folder: Path) -> None:
        super().__init__(hosts["programs"], checkout, folder)
        self.hosts = hosts
        folder.mkdir()
        where = {name: host.inventory_variables() for name, host in hosts.items()}
        (folder / "where.yml").write_text(json.dumps({"all": {"hosts": where}}))

    def play(self, playbook: str = "site.yml", *options: str) -> Outcome:
        """Run a playbook."""
        where = ("-i", str(self.folder / "where.yml"))
        return play(self.checkout, self.checkout / "inventories/testbed", playbook, *where, *options)


@pytest.fixture(scope="module")
def testbed(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> SmallDeployment:
    return SmallDeployment({place: make_host(place, "trixie") for place in PLACES}, checkout, run_dir / "testbed")


def test_blank_hosts_become_green(testbed: SmallDeployment) -> None:
    testbed.deploy()
    testbed.wait_until_green()
    assert testbed.play("playbooks/verify.yml").returncode == 0


def test_a_second_run_changes_nothing(testbed: SmallDeployment) -> None:
    assert testbed.deploy().changes() == []


def test_an_alert_travels_from_host_to_host(testbed: SmallDeployment) -> None:
    testbed.hosts["data"].execute("systemctl", "stop", "prometheus-node-exporter")
    wait_until(lambda: testbed.alerts().get(DOWN) == "firing", "the alert to be stored", 120, 1)
    testbed.hosts["data"].execute("systemctl", "start", "prometheus-node-exporter")
    wait_until(lambda: testbed.alerts().get(DOWN) == "resolved", "the alert to resolve", 180, 1)
    testbed.wait_until_green()
