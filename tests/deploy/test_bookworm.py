"""The same deployment on Debian 12: PostgreSQL 15, Python 3.11, Prometheus 2.42, Alertmanager 0.25."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.deploy.harness.base import mirror
from tests.deploy.harness.closed_mirror import closed_mirror
from tests.deploy.harness.commands import run
from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host
from tests.deploy.harness.playbooks import CHECKOUT
from tests.deploy.harness.processes import words_in_process_list

OURS = (
    "claude-memory-mcp",
    "claude-memory-controlplane",
    "claude-memory-wal-receiver",
    "claude-memory-mcp-schema",
    "claude-memory-controlplane-schema",
)
PASSWORD = "p4ssw0rd-of-the-mirror"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def deployment(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> Deployment:
    return Deployment(make_host("bookworm", "bookworm"), checkout, run_dir / "inventory-bookworm")


@pytest.fixture(scope="module")
def wheelhouse(run_dir: Path) -> Path:
    """Every wheel that a host needs, fetched as docs/deployment.md says."""
    locks = [str(CHECKOUT / name) for name in ("requirements.lock", "roles/_application/files/installer.lock")]
    options = [word for lock in locks for word in ("-r", lock)]
    folder = run_dir / "wheelhouse"
    run(sys.executable, "-m", "pip", "download", "--quiet", "-d", str(folder), *options, timeout_seconds=600)
    return folder


@pytest.fixture(scope="module")
def closed(deployment: Deployment) -> Iterator[str]:
    """The mirror of this machine, behind a login."""
    with closed_mirror(deployment.host.bridge.gateway, mirror(), "somebody", PASSWORD) as url:
        yield url


def default_index_host() -> str:
    """Whom the installer asks when no index is named."""
    options = ["--no-config", "--quiet", "--no-header", "--emit-index-url", "/dev/null"]
    command = ["env", "-i", str(Path(sys.executable).with_name("uv")), "pip", "compile", f"--python={sys.executable}"]
    told = subprocess.run([*command, *options], capture_output=True, text=True, check=True).stdout
    return urlsplit(told.split()[-1]).hostname or ""


def test_a_host_that_reaches_nothing_but_a_mirror_is_refused_until_it_is_given_what_to_use(
    deployment: Deployment, wheelhouse: Path, closed: str
) -> None:
    host = deployment.host
    host.execute("sh", "-c", "echo 'deb http://127.0.0.1:9/debian bookworm main' > /etc/apt/sources.list")
    host.execute("sh", "-c", f"echo '127.0.0.1 {default_index_host()}' >> /etc/hosts")
    for sentence, variables in (
        ("or set claude_memory_apt_mirror to a mirror", {}),
        ("set claude_memory_pip_index_url to an index", {"claude_memory_apt_mirror": closed}),
    ):
        deployment.variables |= variables
        outcome = deployment.play("site.yml")
        assert outcome.returncode != 0
        assert sentence in " ".join(outcome.output.split()), outcome.output[-3000:]
        assert outcome.changed == 0
        assert PASSWORD not in outcome.output
    deployment.variables["claude_memory_wheelhouse"] = str(wheelhouse)


def test_a_blank_host_becomes_green_although_runs_were_cut_off(deployment: Deployment) -> None:
    # Anywhere: in the packages, in the release, in the configuration.
    places = sorted(random.sample(range(55, 130), 2))
    try:
        for place in places:
            deployment.cut_off(place)
        with words_in_process_list([PASSWORD]) as seen:
            outcome = deployment.deploy("--diff", "-vvv")
    except AssertionError as error:
        error.add_note(f"the runs before were killed in their tasks {places}")
        raise
    deployment.wait_until_green()
    assert PASSWORD not in outcome.output
    assert seen == set()


def test_the_login_of_the_mirror_is_where_only_root_reads_it(deployment: Deployment) -> None:
    host = deployment.host
    holding = host.execute("grep", "-rlsF", "--", PASSWORD, "/etc", "/var/log", "/opt/claude-memory").split()
    assert holding == ["/etc/apt/auth.conf.d/claude-memory.conf"]
    assert host.execute("stat", "-c", "%a %U", *holding).strip() == "600 root"
    assert PASSWORD not in host.execute("journalctl", "--no-pager", "--output=cat")


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
    host.execute("cmctl", "backup", "drill", timeout_seconds=300)
    deployment.alert("StoredAfterTheSet")  # only the archive has it
    host.execute("systemctl", "stop", "postgresql@15-main")  # stopping postgresql does not wait for it
    host.execute("rm", "-r", "/var/lib/postgresql/15/main")
    host.execute("cmctl", "restore", "--confirm", "claude-memory", timeout_seconds=300)
    deployment.wait_until_green()
    assert "StoredAfterTheSet" in deployment.alerts()


def test_everything_is_back_after_a_reboot(deployment: Deployment) -> None:
    deployment.host.reboot()
    deployment.wait_until_green()
