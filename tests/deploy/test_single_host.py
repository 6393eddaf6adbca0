"""The life of one Debian 13 host: blank, deployed, drifted, rebooted, removed; then upgraded and rolled back.

The tests run in the order of the file; each starts from what the one before left.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import testinfra

from tests.deploy.harness.commands import wait_until
from tests.deploy.harness.deployment import SETTINGS, Deployment
from tests.deploy.harness.host import Host
from tests.support.runbook import blocks

OURS = ("claude-memory-mcp", "claude-memory-controlplane")
OTHERS = ("postgresql@17-main", "prometheus", "alertmanager", "prometheus-node-exporter")
LOOPBACK_PORTS = {5432, 8080, 8081, 9090, 9093, 9100}


@pytest.fixture(scope="module")
def before(checkout_before: Path, run_dir: Path, deployment: Deployment) -> Deployment:
    """The same host, deployed from the commit before."""
    return Deployment(deployment.host, checkout_before, run_dir / "inventory-before")


@pytest.fixture(scope="module")
def deployment(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> Deployment:
    return Deployment(make_host("trixie", "trixie"), checkout, run_dir / "inventory")


@pytest.fixture(scope="module")
def outside(deployment: Deployment) -> testinfra.host.Host:
    """The host as testinfra sees it over ssh."""
    variables = deployment.host.inventory_variables()
    return testinfra.get_host(
        f"ssh://{variables['ansible_user']}@{variables['ansible_host']}",
        ssh_identity_file=variables["ansible_ssh_private_key_file"],
        ssh_extra_args=variables["ansible_ssh_common_args"],
        sudo=True,
    )


def files_of(host: Host) -> str:
    """Names, sizes, modes and times of everything that check mode must leave alone; systemd and sudo keep books."""
    kept = "-not -path '/var/lib/systemd/*' -not -path '/var/lib/sudo*' -not -path /etc/machine-id"
    find = f"find /etc /opt /usr/local /var/lib -xdev {kept} -printf '%p %s %m %u %T@\\n' | sort"
    return host.execute("sh", "-c", find)


@pytest.mark.usefixtures("checkout_before")  # taken now: the repository may change while the tests run
def test_check_mode_on_a_blank_host_changes_nothing(deployment: Deployment) -> None:
    before = files_of(deployment.host)
    outcome = deployment.deploy("--check", "--diff")
    assert outcome.changed > 10
    assert files_of(deployment.host) == before


@pytest.mark.long
@pytest.mark.parametrize(
    ("variables", "settings", "sentence"),
    [
        ({"prometheus_prot": 9091}, {}, "prometheus_prot: no such variable"),
        ({"prometheus_port": "many"}, {}, "prometheus_port"),
        ({}, {"prometheus": {"retention_dayz": 3}}, "prometheus.retention_dayz"),
        ({"prometheus_port": 22}, {}, "port 22 is taken"),
        ({"postgresql_memory_percent": 99}, {}, "set it between 1 and 60"),
        ({"postgresql_client_networks": ["10.0.0.0/8"]}, {}, "set postgresql_listen_host to an address"),
        ({"claude_memory_wheelhouse": "/nonexistent"}, {}, "is not a directory on the machine that runs Ansible"),
        ({"claude_memory_pip_index_url": "http://192.0.2.77/simple"}, {}, "set it to an index that the host reaches"),
        ({"claude_memory_apt_mirror": "http://192.0.2.77/debian"}, {}, "set it to a mirror that the host reaches"),
    ],
)
def test_bad_input_is_refused_before_the_first_change(
    deployment: Deployment, variables: dict[str, object], settings: dict[str, object], sentence: str
) -> None:
    before = files_of(deployment.host)
    deployment.variables, deployment.settings = variables, settings
    try:
        refused(deployment, sentence)
    finally:
        deployment.variables, deployment.settings = {}, dict(SETTINGS)
    assert files_of(deployment.host) == before


def refused(deployment: Deployment, sentence: str, *options: str) -> None:
    """The playbook must stop before its first change, with this sentence."""
    outcome = deployment.play("site.yml", *options)
    assert outcome.returncode != 0
    assert sentence in " ".join(outcome.output.split()), outcome.output[-3000:]
    assert outcome.changed == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("minimum", "sentence"),
    [("_common_minimum_memory_mb", "MB of memory,"), ("_common_minimum_free_mb", "MB free below /var,")],
)
def test_a_host_that_is_too_small_is_refused(deployment: Deployment, minimum: str, sentence: str) -> None:
    # The host shares memory and disk with this machine, so it is the demand that grows here.
    refused(deployment, sentence, "-e", f"{minimum}=999999999")


@pytest.mark.long
def test_an_unsupported_distribution_is_refused(deployment: Deployment) -> None:
    deployment.host.execute("cp", "/etc/os-release", "/root/os-release")
    older = "sed 's/^VERSION_ID=.*/VERSION_ID=11/' /root/os-release > /etc/os-release"
    deployment.host.execute("sh", "-c", older)
    try:
        refused(deployment, "debian 11 is not supported; use a host with Debian 12 or 13")
    finally:
        deployment.host.execute("sh", "-c", "cat /root/os-release > /etc/os-release")


@pytest.mark.long
@pytest.mark.parametrize("package", ["postgresql-16", "prometheus"])
def test_a_host_with_a_foreign_service_is_refused(deployment: Deployment, package: str) -> None:
    control = f"Package: {package}\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@example.org>\\nDescription: t\\n"
    make = f"mkdir -p /root/p/DEBIAN && printf '{control}' > /root/p/DEBIAN/control && dpkg-deb -b /root/p /root/p.deb"
    deployment.host.execute("sh", "-c", f"{make} && dpkg -i /root/p.deb")
    try:
        refused(deployment, f"{package} is installed here and not by this deployment")
    finally:
        deployment.host.execute("dpkg", "--purge", package)


def test_a_blank_host_becomes_green(deployment: Deployment) -> None:
    deployment.deploy()
    deployment.wait_until_green()


def test_no_secret_reaches_the_output(deployment: Deployment) -> None:
    output = deployment.deploy("--diff", "-v").output
    names = deployment.host.execute("ls", "/etc/claude-memory/secrets").split()
    assert len(names) >= 6
    for name in names:
        assert deployment.host.execute("cat", f"/etc/claude-memory/secrets/{name}").strip() not in output, name


def test_a_second_run_changes_nothing(deployment: Deployment) -> None:
    outcome = deployment.deploy()
    assert outcome.changes() == []
    assert outcome.changed == 0


def test_check_mode_on_a_deployed_host_sees_no_change(deployment: Deployment) -> None:
    outcome = deployment.deploy("--check", "--diff")
    assert outcome.changes() == []


def test_units_run_and_start_at_boot(outside: testinfra.host.Host) -> None:
    for unit in (*OURS, *OTHERS):
        assert outside.service(unit).is_running, unit
    for wanted in ("claude-memory-mcp", "claude-memory-controlplane", "alertmanager", "prometheus"):
        assert outside.file(f"/etc/systemd/system/multi-user.target.wants/{wanted}.service").exists, wanted


@pytest.mark.parametrize("unit", [*OURS, *OTHERS])
def test_units_are_sandboxed(deployment: Deployment, unit: str) -> None:
    assert deployment.exposure(unit) <= (2.0 if unit in OURS else 4.0)


def test_nothing_listens_beyond_the_inventory(deployment: Deployment) -> None:
    lines = deployment.host.execute("ss", "-Hltn").splitlines()
    addresses = {line.split()[3] for line in lines}
    assert {address for address in addresses if not address.endswith(":22")} == {
        f"127.0.0.1:{port}" for port in LOOPBACK_PORTS
    }


def test_postgresql_is_set_up_with_least_privilege(deployment: Deployment) -> None:
    def ask(query: str, database: str = "postgres") -> str:
        return deployment.host.execute(
            "runuser", "-u", "postgres", "--", "psql", "-XAt", "-d", database, "-c", query
        ).strip()

    assert ask("SHOW data_checksums") == "on"
    assert ask("SHOW password_encryption") == "scram-sha-256"
    assert ask("SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL AND rolpassword NOT LIKE 'SCRAM%'") == "0"
    assert ask("SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper") == "postgres"
    assert ask("SELECT has_database_privilege('claude_memory_controlplane', 'claude_memory_db', 'CONNECT')") == "f"
    assert ask("SELECT rolreplication FROM pg_roles WHERE rolname = 'claude_memory_backup'") == "t"


def test_both_ways_of_running_render_the_same(deployment: Deployment, tmp_path: Path) -> None:
    """The files that site.yml wrote are those that `cmctl up` would write, but for the first line."""
    from controlplane.adapters.templates import TemplateFolder
    from controlplane.config.load import parse
    from controlplane.services import rendering

    settings = parse({"data_dir": str(tmp_path), **SETTINGS}, "test")
    templates = TemplateFolder(deployment.checkout / "templates")
    for path, expected in {
        "/etc/prometheus/prometheus.yml": rendering.render_prometheus(settings, templates),
        "/etc/prometheus/alertmanager.yml": rendering.render_alertmanager(settings, templates),
    }.items():
        assert deployment.host.execute("cat", path).splitlines()[1:] == expected.splitlines()[1:], path


SPECIFIED = [
    "systemctl status prometheus alertmanager claude-memory-webhook",
    "systemctl reload prometheus",
    "systemctl restart claude-memory-mcp-monitoring",
    "journalctl -u alertmanager -n 50",
]
RUNBOOK = [command for block in blocks() if "deployed host" in block.reason for command in block.commands.splitlines()]


@pytest.mark.parametrize("command", RUNBOOK)
def test_commands_of_the_runbook_work(deployment: Deployment, command: str) -> None:
    deployment.host.execute("bash", "-eo", "pipefail", "-c", command)


def test_the_runbook_has_the_commands_of_the_specification() -> None:
    for command in SPECIFIED:
        assert command in RUNBOOK, command


def test_drift_is_repaired_and_files_of_the_user_are_left_alone(deployment: Deployment) -> None:
    host = deployment.host
    host.execute("sh", "-c", "echo '# edited' >> /etc/prometheus/prometheus.yml")
    host.execute("systemctl", "stop", "alertmanager")
    host.execute("chmod", "0644", "/etc/claude-memory/secrets/mcp_token")
    host.execute("rm", "/etc/prometheus/rules/claude-memory.yml")
    own = "groups: [{name: mine, rules: [{record: mine, expr: vector(1)}]}]"
    host.execute("sh", "-c", f"echo '{own}' > /etc/prometheus/rules/mine.yml")
    host.execute(
        "sh", "-c", "echo '# Written by ansible-playbook, of an older profile' > /etc/prometheus/rules/old.yml"
    )
    outcome = deployment.deploy()
    assert outcome.changed >= 5
    assert "# edited" not in host.execute("cat", "/etc/prometheus/prometheus.yml")
    assert host.succeeds("systemctl", "-q", "is-active", "alertmanager")
    assert host.execute("stat", "-c", "%a", "/etc/claude-memory/secrets/mcp_token").strip() == "600"
    assert host.execute("ls", "/etc/prometheus/rules").split() == [
        "claude-memory.yml",
        "mine.yml",
        "slo-claude-memory.yml",
    ]
    assert deployment.deploy().changes() == []


def test_one_changed_setting_reloads_instead_of_restarting(deployment: Deployment) -> None:
    before = deployment.host.execute("systemctl", "show", "-p", "MainPID", "prometheus")
    deployment.settings = {**SETTINGS, "alert_rules": {"for_scale": 0.04}}
    outcome = deployment.deploy("--tags", "prometheus_configure,prometheus_service")
    assert outcome.changed == 2, outcome.changes()
    assert deployment.host.execute("systemctl", "show", "-p", "MainPID", "prometheus") == before
    deployment.settings = dict(SETTINGS)
    deployment.deploy()


def test_an_alert_fires_is_stored_and_resolves(deployment: Deployment) -> None:
    host = deployment.host
    host.execute("systemctl", "stop", "claude-memory-mcp")
    wait_until(lambda: deployment.alerts().get("ClaudeMemoryMCPDown") == "firing", "the alert to be stored", 90, 1)
    host.execute("systemctl", "start", "claude-memory-mcp")
    wait_until(lambda: deployment.alerts().get("ClaudeMemoryMCPDown") == "resolved", "the alert to resolve", 120, 1)
    assert "ClaudeMemoryMCPDown" in host.execute("cat", "/var/log/claude-memory/alerts.log")


def test_a_killed_program_comes_back(deployment: Deployment) -> None:
    host = deployment.host
    for unit in OURS:
        before = host.execute("systemctl", "show", "-p", "MainPID", "--value", unit).strip()
        host.execute("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)
        wait_until(
            lambda unit=unit, before=before: (
                host.execute("systemctl", "show", "-p", "MainPID", "--value", unit).strip() not in {"0", before}
            ),
            f"{unit} to come back",
            30,
        )


def test_everything_is_back_after_a_reboot(deployment: Deployment) -> None:
    stored = deployment.alerts()
    deployment.host.reboot()
    deployment.wait_until_green()
    assert set(stored) <= set(deployment.alerts())


@pytest.mark.long
def test_the_password_of_postgresql_can_be_rotated(deployment: Deployment) -> None:
    secret = "/etc/claude-memory/secrets/postgresql_memory_password"
    before = deployment.host.execute("cat", secret)
    outcome = deployment.play("playbooks/rotate_secrets.yml")
    assert outcome.returncode == 0, outcome.output[-4000:]
    assert deployment.host.execute("cat", secret) != before
    deployment.wait_until_green()


def test_removal_asks_for_the_name(deployment: Deployment) -> None:
    outcome = deployment.play("playbooks/remove.yml", "-e", "claude_memory_confirm=yes")
    assert outcome.returncode != 0
    assert outcome.changed == 0
    assert deployment.host.succeeds("systemctl", "-q", "is-active", "prometheus")


@pytest.mark.long
def test_removal_keeps_the_data_and_site_brings_it_back(deployment: Deployment) -> None:
    stored = deployment.alerts()
    outcome = deployment.play("playbooks/remove.yml", "-e", "claude_memory_confirm=claude-memory")
    assert outcome.returncode == 0, outcome.output[-4000:]
    units = deployment.host.execute(
        "systemctl", "list-units", "--state=active,activating,failed", "--type=service", "--plain", "--no-legend"
    )
    assert not re.search(r"claude-memory|prometheus|alertmanager|postgresql", units)
    assert not deployment.host.succeeds("test", "-e", "/opt/claude-memory")
    deployment.deploy()
    deployment.wait_until_green()
    assert set(stored) <= set(deployment.alerts())


def test_removal_with_the_data_leaves_a_blank_host(deployment: Deployment) -> None:
    options = ("-e", "claude_memory_confirm=claude-memory", "-e", "claude_memory_remove_data=true")
    outcome = deployment.play("playbooks/remove.yml", *options)
    assert outcome.returncode == 0, outcome.output[-4000:]
    places = "/etc/claude-memory /var/lib/claude-memory /var/lib/postgresql /var/log/claude-memory"
    left = deployment.host.execute("sh", "-c", f"ls -d {places} 2>/dev/null || true")
    assert left == ""


def test_an_upgrade_from_the_commit_before_keeps_the_data(deployment: Deployment, before: Deployment) -> None:
    before.deploy()
    before.wait_until_green()
    before.alert("StoredByTheCommitBefore")
    outcome = deployment.play("playbooks/upgrade.yml")
    assert outcome.returncode == 0, outcome.output[-4000:]
    deployment.wait_until_green()
    assert "StoredByTheCommitBefore" in deployment.alerts()
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
