"""Wrong variables, unfit hosts, foreign services: refused before the first change, with the sentence that mends it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.harness.deployment import SETTINGS, Deployment
from tests.deploy.harness.host import Host

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def deployment(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> Deployment:
    return Deployment(make_host("blank", "trixie"), checkout, run_dir / "inventory-blank")


@pytest.mark.parametrize(
    ("variables", "settings", "sentence"),
    [
        ({"prometheus_prot": 9091}, {}, "prometheus_prot: no such variable"),
        ({"prometheus_port": "many"}, {}, "prometheus_port"),
        ({}, {"prometheus": {"retention_dayz": 3}}, "prometheus.retention_dayz"),
        ({"prometheus_port": 22}, {}, "port 22 is taken"),
        ({"postgresql_memory_percent": 99}, {}, "set it between 1 and 60"),
        ({"postgresql_client_networks": ["10.0.0.0/8"]}, {}, "set postgresql_listen_host to an address"),
        ({"controlplane_credentials": {"not a name": "x"}}, {}, "not a name is no name for a credential"),
        (
            {},
            {"notifications": {"receivers": [{"name": "sink", "url": {"credential": "sink_url"}}]}},
            "the credential sink_url, which nothing gives; put it into controlplane_credentials",
        ),
        ({"claude_memory_objectives": "/nonexistent.yml"}, {}, "/nonexistent.yml: cannot be read"),
        ({"claude_memory_wheelhouse": "/nonexistent"}, {}, "is not a directory on the machine that runs Ansible"),
        ({"claude_memory_pip_index_url": "http://192.0.2.77/simple"}, {}, "claude_memory_pip_index_url to an index"),
        ({"claude_memory_apt_mirror": "http://192.0.2.77/debian"}, {}, "set claude_memory_apt_mirror to a mirror"),
    ],
)
def test_bad_input_is_refused_before_the_first_change(
    deployment: Deployment, variables: dict[str, object], settings: dict[str, object], sentence: str
) -> None:
    before = deployment.host.files()
    deployment.variables, deployment.settings = variables, settings
    try:
        refused(deployment, sentence)
    finally:
        deployment.variables, deployment.settings = {}, dict(SETTINGS)
    assert deployment.host.files() == before


def refused(deployment: Deployment, sentence: str, *options: str) -> None:
    """The playbook must stop before its first change, with this sentence."""
    outcome = deployment.play("site.yml", *options)
    assert outcome.returncode != 0
    assert sentence in " ".join(outcome.output.split()), outcome.output[-3000:]
    assert outcome.changed == 0


@pytest.mark.parametrize(
    ("minimum", "sentence"),
    [("_common_minimum_memory_mb", "MB of memory,"), ("_common_minimum_free_mb", "MB free below /var,")],
)
def test_a_host_that_is_too_small_is_refused(deployment: Deployment, minimum: str, sentence: str) -> None:
    # The host shares memory and disk with this machine, so it is the demand that grows here.
    refused(deployment, sentence, "-e", json.dumps({minimum: 999999999}))


def test_an_unsupported_distribution_is_refused(deployment: Deployment) -> None:
    deployment.host.execute("cp", "/etc/os-release", "/root/os-release")
    older = "sed 's/^VERSION_ID=.*/VERSION_ID=11/' /root/os-release > /etc/os-release"
    deployment.host.execute("sh", "-c", older)
    try:
        refused(deployment, "debian 11 is not supported; use a host with Debian 12 or 13")
    finally:
        deployment.host.execute("sh", "-c", "cat /root/os-release > /etc/os-release")


@pytest.mark.parametrize("package", ["postgresql-16", "prometheus"])
def test_a_host_with_a_foreign_service_is_refused(deployment: Deployment, package: str) -> None:
    control = f"Package: {package}\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@example.org>\\nDescription: t\\n"
    make = f"mkdir -p /root/p/DEBIAN && printf '{control}' > /root/p/DEBIAN/control && dpkg-deb -b /root/p /root/p.deb"
    deployment.host.execute("sh", "-c", f"{make} && dpkg -i /root/p.deb")
    try:
        refused(deployment, f"{package} is installed here and not by this deployment")
    finally:
        deployment.host.execute("dpkg", "--purge", package)
