"""The life of one Debian 13 host: blank, deployed, drifted, rebooted, removed.

The tests run in the order of the file; each starts from what the one before left.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import testinfra
import yaml

from controlplane.adapters.templates import TemplateFolder
from controlplane.config.load import parse
from controlplane.domain.duration import parse_duration
from controlplane.services import rendering
from tests.deploy.harness.commands import wait_until
from tests.deploy.harness.deployment import SETTINGS, Deployment
from tests.deploy.harness.host import Host
from tests.deploy.harness.newcomer import Newcomer
from tests.deploy.harness.processes import words_in_process_list
from tests.deploy.harness.queries import ask
from tests.deploy.harness.renderings import RENDERED_BY_BOTH
from tests.support.runbook import blocks

OURS = ("claude-memory-mcp", "claude-memory-controlplane", "claude-memory-wal-receiver")
SCHEMAS = ("claude-memory-mcp-schema", "claude-memory-controlplane-schema")  # run at each start, then end
ASKED_FOR = ("claude-memory-drill@0",)  # a unit for each that asks
OTHERS = ("postgresql@17-main", "prometheus", "alertmanager", "prometheus-node-exporter")
LOOPBACK_PORTS = {5432, 8080, 8081, 9090, 9093, 9100}


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


@pytest.fixture(scope="module")
def newcomer(deployment: Deployment, run_dir: Path) -> Newcomer:
    """Brings the host up as the README says; from the second run on, the tests do it their way."""
    return Newcomer(deployment.checkout, deployment.host, SETTINGS, run_dir / "newcomer")


def test_the_readme_leads_from_an_empty_inventory_to_a_check_that_changes_nothing(
    newcomer: Newcomer, deployment: Deployment
) -> None:
    before = deployment.host.files()
    outcome = newcomer.follow("site.yml --check --diff")
    assert outcome.changed > 10
    assert deployment.host.files() == before


def test_the_readme_leads_to_a_green_host_and_no_secret_reaches_the_output(
    newcomer: Newcomer, deployment: Deployment
) -> None:
    output = newcomer.follow("site.yml").output
    names = deployment.host.execute("ls", "/etc/claude-memory/secrets").split()
    assert len(names) >= 6
    for name in names:
        assert deployment.host.execute("cat", f"/etc/claude-memory/secrets/{name}").strip() not in output, name
    deployment.wait_until_green()
    assert newcomer.follow("verify.yml").changed == 0
    assert newcomer.left == []


def test_a_second_run_changes_nothing(deployment: Deployment) -> None:
    outcome = deployment.deploy()
    assert outcome.changes() == []
    assert outcome.changed == 0


def test_units_run_and_start_at_boot(outside: testinfra.host.Host) -> None:
    for unit in (*OURS, *OTHERS):
        assert outside.service(unit).is_running, unit
    for wanted in (*OURS, "alertmanager", "prometheus"):
        assert outside.file(f"/etc/systemd/system/multi-user.target.wants/{wanted}.service").exists, wanted


@pytest.mark.parametrize("unit", [*OURS, *SCHEMAS, *ASKED_FOR, *OTHERS])
def test_units_are_sandboxed(deployment: Deployment, unit: str) -> None:
    assert deployment.exposure(unit) <= (4.0 if unit in OTHERS else 2.0)


def test_every_unit_of_ours_is_measured(deployment: Deployment) -> None:
    listed = deployment.host.execute("sh", "-c", "cd /etc/systemd/system && ls claude-memory-*.service").split()
    named = [name.replace("@.", "@0.") for name in listed]
    units = {deployment.host.execute("systemctl", "show", "-p", "Id", "--value", name).strip() for name in named}
    assert units == {f"{name}.service" for name in (*OURS, *SCHEMAS, *ASKED_FOR)}


def test_units_have_limits_and_come_back_by_themselves(deployment: Deployment) -> None:
    for unit in (*OURS, *SCHEMAS, *OTHERS):
        shown = deployment.host.execute("systemctl", "show", "-p", "MemoryMax,TasksMax,Restart", unit)
        properties = dict(line.split("=") for line in shown.split())
        assert "infinity" not in {properties["MemoryMax"], properties["TasksMax"]}, unit
        assert properties["Restart"] in {"always", "on-failure"}, unit


def test_nothing_listens_beyond_the_inventory(deployment: Deployment) -> None:
    assert deployment.host.execute("ss", "-Hlun") == ""
    lines = deployment.host.execute("ss", "-Hltn").splitlines()
    addresses = {line.split()[3] for line in lines}
    assert {address for address in addresses if not address.endswith(":22")} == {
        f"127.0.0.1:{port}" for port in LOOPBACK_PORTS
    }


def test_postgresql_is_set_up_with_least_privilege(deployment: Deployment) -> None:
    host = deployment.host
    assert ask(host, "SHOW data_checksums") == "on"
    assert ask(host, "SHOW password_encryption") == "scram-sha-256"
    plain = "SELECT count(*) FROM pg_authid WHERE rolpassword IS NOT NULL AND rolpassword NOT LIKE 'SCRAM%'"
    assert ask(host, plain) == "0"
    assert ask(host, "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper") == "postgres"
    assert ask(host, "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolreplication") in {
        "postgres,claude_memory_backup",
        "claude_memory_backup,postgres",
    }


@pytest.mark.parametrize(
    ("role", "query", "answer"),
    [
        ("claude_memory", "DELETE FROM memories WHERE false", "DELETE 0"),
        ("claude_memory", "CREATE TABLE t (i int)", "permission denied for schema public"),
        ("claude_memory", "DROP TABLE memories", "must be owner of table memories"),
        ("claude_memory", "ALTER TABLE memories ADD COLUMN c int", "must be owner of table memories"),
        ("claude_memory", "TRUNCATE memories", "permission denied for table memories"),
        ("claude_memory", "SET ROLE claude_memory_owner", "permission denied to set role"),
        ("claude_memory_owner", "BEGIN; CREATE TABLE t (i int); ROLLBACK", "ROLLBACK"),
        ("claude_memory_controlplane", "SELECT 1", "permission denied for database"),
        ("claude_memory_backup", "SELECT count(*) >= 0 FROM memories", "t"),
        ("claude_memory_backup", "DELETE FROM memories WHERE false", "permission denied for table memories"),
        ("claude_memory_monitoring", "SELECT count(*) > 0 FROM pg_stat_activity WHERE query <> ''", "t"),
        ("claude_memory_monitoring", "SELECT count(*) FROM memories", "permission denied for table memories"),
    ],
)
def test_each_role_of_postgresql_may_do_its_work_and_no_more(
    deployment: Deployment, role: str, query: str, answer: str
) -> None:
    assert answer in ask(deployment.host, query, role)


@pytest.mark.parametrize("name", RENDERED_BY_BOTH)
def test_both_ways_of_running_render_the_same(deployment: Deployment, tmp_path: Path, name: str) -> None:
    """The files that site.yml wrote say what those of `cmctl up` would say, but for what only one of them has."""
    settings = parse({"data_dir": str(tmp_path), **SETTINGS}, "test")
    embedded = rendering.render(name, settings, TemplateFolder(deployment.checkout / "templates"))
    rendered = RENDERED_BY_BOTH[name]
    deployed = deployment.host.execute("cat", rendered.path)
    assert rendered.read(deployed)
    assert rendered.differences(deployed, embedded) <= rendered.differs


@pytest.mark.parametrize("name", ["claude-memory", "slo-claude-memory"])
def test_both_ways_of_running_have_the_same_rules(deployment: Deployment, tmp_path: Path, name: str) -> None:
    settings = parse({"data_dir": str(tmp_path), **SETTINGS}, "test")
    shipped = yaml.safe_load((deployment.checkout / f"alert_rules/{name}.yml").read_text())
    embedded = rendering.render_profile_rules(name, shipped, settings)
    assert yaml.safe_load(deployment.host.execute("cat", f"/etc/prometheus/rules/{name}.yml")) == embedded


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


def test_one_changed_setting_reloads_instead_of_restarting_although_a_run_was_killed_before(
    deployment: Deployment,
) -> None:
    host = deployment.host
    before = host.execute("systemctl", "show", "-p", "MainPID", "prometheus")
    tags = ("--tags", "prometheus_configure,prometheus_service")
    deployment.settings = {**SETTINGS, "alert_rules": {"for_scale": 0.04}}
    try:
        # With the new rules in place, and before Prometheus has been told.
        deployment.cut_off_when(
            "site.yml", lambda printed: "TASK [prometheus : Write the command" in printed[-1], *tags
        )
        assert waits(host, "/etc/prometheus/rules/claude-memory.yml") != waits(host)
        outcome = deployment.deploy(*tags)
    finally:
        deployment.settings = dict(SETTINGS)
    assert outcome.changed == 2, outcome.changes()
    assert waits(host, "/etc/prometheus/rules/claude-memory.yml") == waits(host)
    assert host.execute("systemctl", "show", "-p", "MainPID", "prometheus") == before


def waits(host: Host, file: str = "") -> list[float]:
    """How long the alerts wait before they fire, in seconds: as Prometheus has loaded them, or as a file says."""
    if file:
        groups = yaml.safe_load(host.execute("cat", file))["groups"]
        rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
        return sorted(parse_duration(str(rule.get("for", "0s"))) for rule in rules)
    loaded = json.loads(host.execute("curl", "-fsS", "http://127.0.0.1:9090/api/v1/rules?type=alert"))
    groups = [group for group in loaded["data"]["groups"] if group["file"].endswith("/claude-memory.yml")]
    return sorted(rule["duration"] for group in groups for rule in group["rules"])


CHANNEL = "json://somebody:s3cr3t-pass@127.0.0.1:9977/hook-t0k3n"
PASSWORD = "v4ult-p4ssw0rd-of-the-memory-server"
TOKEN = "v4ult-t0ken-of-the-memory-server"
SECRETS = (CHANNEL, "s3cr3t-pass", PASSWORD, TOKEN)


def bring_own_things(deployment: Deployment) -> None:
    """From now on: secrets from a vault, objectives of one's own, a machine that always is too busy."""
    objectives = deployment.folder / "objectives.yml"
    shipped = yaml.safe_load((deployment.checkout / "objectives/claude-memory.yml").read_text())
    shipped["objectives"] = [{**shipped["objectives"][0], "name": "one-of-ours", "target_percent": 99.5}]
    objectives.write_text(yaml.safe_dump(shipped))
    receiver = {"name": "sink", "url": {"credential": "sink_url"}, "language": "en"}
    route = {"name": "everything", "receivers": ["sink"]}
    deployment.settings = {
        **SETTINGS,
        "notifications": {"receivers": [receiver], "routes": [route]},
        "thresholds": {"cpu_used_percent": {"warning": 0.001, "critical": 0.002}},
    }
    deployment.variables = {"claude_memory_objectives": str(objectives)}
    deployment.encrypt(
        {
            "controlplane_credentials": {"sink_url": CHANNEL},
            "postgresql_given_secrets": {"postgresql_memory_password": PASSWORD},
            "mcp_server_given_secrets": {"mcp_token": TOKEN},
        }
    )


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
    # As if an earlier inventory had had the vectors here.
    unit = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target"
    host.execute("sh", "-c", f"echo '{unit}' > /etc/systemd/system/qdrant.service")
    host.execute("systemctl", "enable", "--now", "qdrant")
    host.execute(
        "sh", "-c", "mkdir /var/lib/qdrant; echo kept > /var/lib/qdrant/data; touch /etc/claude-memory/managed/qdrant"
    )
    bring_own_things(deployment)
    with words_in_process_list(SECRETS) as seen:
        outcome = deployment.deploy("--diff", "-vvv")
    assert [secret for secret in SECRETS if secret in outcome.output] == []
    assert seen == set()
    assert not host.succeeds("systemctl", "cat", "qdrant")
    assert not host.succeeds("pgrep", "-f", "sleep infinity")
    assert host.execute("cat", "/var/lib/qdrant/data") == "kept\n"
    assert outcome.changed >= 5
    assert "# edited" not in host.execute("cat", "/etc/prometheus/prometheus.yml")
    assert host.succeeds("systemctl", "-q", "is-active", "alertmanager")
    assert host.execute("stat", "-c", "%a", "/etc/claude-memory/secrets/mcp_token").strip() == "600"
    assert host.execute("ls", "/etc/prometheus/rules").split() == [
        "claude-memory.yml",
        "mine.yml",
        "slo-claude-memory.yml",
    ]


def test_a_message_goes_to_a_channel_whose_address_only_the_service_knows(deployment: Deployment) -> None:
    host = deployment.host
    receiver = "import http.server as h\nclass H(h.BaseHTTPRequestHandler):\n def do_POST(s):\n"
    receiver += "  open('/root/told', 'ab').write(s.path.encode() + s.rfile.read(int(s.headers['Content-Length'])))\n"
    receiver += "  s.send_response(200); s.end_headers()\nh.HTTPServer(('127.0.0.1', 9977), H).serve_forever()"
    host.execute("systemd-run", "--unit=sink", "python3", "-c", receiver)
    deployment.alert("ToldToSomebody")
    wait_until(lambda: host.succeeds("grep", "-q", "/hook-t0k3n.*ToldToSomebody", "/root/told"), "the message", 60, 1)
    assert host.execute("stat", "-c", "%a %U", "/etc/claude-memory/credentials/sink_url").strip() == "600 root"


def test_programs_work_with_secrets_from_a_vault_which_are_nowhere_else(deployment: Deployment) -> None:
    host = deployment.host
    assert host.execute("cat", "/etc/claude-memory/secrets/postgresql_memory_password").strip() == PASSWORD
    assert ask(host, "SELECT 'in'", "claude_memory") == "in"
    # Whoever is connected has to log in again.
    ask(host, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'claude_memory'")
    deployment.wait_until_green()
    for token, answer in ((TOKEN, "200"), ("wrong", "401")):
        call = f"curl -s -o /dev/null -w %{{http_code}} -H 'Authorization: Bearer {token}'"
        assert host.execute("sh", "-c", f"{call} http://127.0.0.1:8080/admin/reindex") == answer
    kept = "--exclude-dir=secrets --exclude-dir=credentials"
    said = host.execute("journalctl", "--no-pager", "--output=cat")
    shown = host.execute("ps", "-eww", "-o", "args")
    for secret in SECRETS:
        assert not host.succeeds("sh", "-c", f"grep -rqsF {kept} -- '{secret}' /etc /opt/claude-memory /var/log"), (
            secret
        )
        assert secret not in said
        assert secret not in shown


def test_objectives_of_ones_own_have_their_rules_and_are_shown(deployment: Deployment) -> None:
    rules = deployment.host.execute("cat", "/etc/prometheus/rules/slo-claude-memory.yml")
    assert "one-of-ours" in rules
    assert "mcp-errors" not in rules
    listed = json.loads(deployment.host.execute("cmctl", "slo", "list", "-o", "json"))
    assert [item["name"] for item in listed] == ["one-of-ours"]


def test_a_restart_was_maintenance_while_it_lasted(deployment: Deployment) -> None:
    entered = json.loads(deployment.host.execute("cmctl", "maintenance", "list", "--all", "-o", "json"))
    ours = [entry for entry in entered if entry["author"] == "ansible"]
    assert [(entry["state"], entry["reason"]) for entry in ours] == [("over", "deployment of trixie")]


def test_a_busy_machine_does_not_fail_the_verification_but_a_broken_system_does(deployment: Deployment) -> None:
    outcome = deployment.play("playbooks/verify.yml")
    assert outcome.returncode == 0, outcome.output[-4000:]
    assert "cpu: not OK" in outcome.output or ", cpu" in outcome.output
    assert outcome.changed == 0


def test_check_mode_on_a_deployed_host_sees_no_change(deployment: Deployment) -> None:
    outcome = deployment.deploy("--check", "--diff")
    assert outcome.changes() == []


def test_an_alert_fires_is_stored_and_resolves(deployment: Deployment) -> None:
    host = deployment.host
    host.execute("systemctl", "stop", "claude-memory-mcp")
    wait_until(lambda: deployment.alerts().get("ClaudeMemoryMCPDown") == "firing", "the alert to be stored", 90, 1)
    host.execute("systemctl", "start", "claude-memory-mcp")
    wait_until(lambda: deployment.alerts().get("ClaudeMemoryMCPDown") == "resolved", "the alert to resolve", 120, 1)
    assert "ClaudeMemoryMCPDown" in host.execute("cat", "/var/log/claude-memory/alerts.log")


def test_logs_are_rotated_and_no_line_is_lost(deployment: Deployment) -> None:
    host = deployment.host
    assert host.succeeds("systemctl", "-q", "is-active", "logrotate.timer")
    for name in ("claude-memory", "postgresql-common"):
        host.execute("logrotate", "--force", f"/etc/logrotate.d/{name}")
    deployment.alert("StoredAfterTheRotation")
    lines = host.execute("sh", "-c", "cat /var/log/claude-memory/alerts.log.1 /var/log/claude-memory/alerts.log")
    assert "ClaudeMemoryMCPDown" in lines
    assert "StoredAfterTheRotation" in lines
    assert (
        host.execute("stat", "-c", "%a %U", "/var/log/claude-memory/alerts.log").strip() == "640 claude-memory-control"
    )


def test_data_that_are_lost_come_back_from_the_recovery_set_and_the_archive(deployment: Deployment) -> None:
    host = deployment.host
    outcome = deployment.play("playbooks/backup.yml")
    assert outcome.returncode == 0, outcome.output[-4000:]
    made, *others = json.loads(host.execute("cmctl", "backup", "list", "-o", "json"))
    assert (made["complete"], made["verified"]) == (True, "good")
    assert host.execute("stat", "-c", "%U", made["path"]).strip() == "claude-memory-control"
    deployment.alert("StoredAfterTheSet")  # only the archive has it
    host.execute("systemctl", "stop", "postgresql@17-main")
    host.execute("rm", "-r", "/var/lib/postgresql/17/main")
    host.execute("systemctl", "restart", "claude-memory-controlplane")  # starts without a database, too
    outcome = deployment.play("playbooks/restore.yml", "-e", "claude_memory_confirm=claude-memory")
    assert outcome.returncode == 0, outcome.output[-4000:]
    deployment.wait_until_green()
    assert "StoredAfterTheSet" in deployment.alerts()
    host.execute("cmctl", "restore", "--drop-replaced", "--confirm", "claude-memory")
    # The control plane goes on by itself: in its own sandbox, with the sets that root has restored from.
    host.execute("cmctl", "jobs", "run", "backup", timeout_seconds=300)
    assert len(json.loads(host.execute("cmctl", "backup", "list", "-o", "json"))) == len(others) + 2


@pytest.mark.long
def test_copies_are_made_in_another_directory_and_bring_back_what_is_lost_here(deployment: Deployment) -> None:
    host = deployment.host
    host.execute("install", "-d", "-o", "claude-memory-control", "-m", "0700", "/srv/copies")
    host.execute("cmctl", "backup", "copy", "keygen", "/root/key")
    public = host.execute("sed", "-n", "s/^# public key: //p", "/root/key").strip()
    place = {"name": "disk", "directory": "/srv/copies", "recipients": [public]}
    before, deployment.settings = deployment.settings, {**deployment.settings, "backup": {"copies": [place]}}
    try:
        deployment.deploy("--tags", "controlplane_configure,controlplane_service")
    finally:
        deployment.settings = before
    host.execute("cmctl", "jobs", "run", "backup_copy", timeout_seconds=300)  # in the daemon's sandbox
    made = json.loads(host.execute("cmctl", "backup", "list", "-o", "json"))
    copies = json.loads(host.execute("cmctl", "backup", "copy", "list", "-o", "json"))
    assert {(item["id"], item["complete"]) for item in copies} == {(item["id"], True) for item in made}
    host.execute("sh", "-c", "rm -r /var/lib/claude-memory/backups/sets/*")
    host.execute("cmctl", "backup", "copy", "fetch", "--identity", "/root/key", timeout_seconds=300)  # root's file
    back = json.loads(host.execute("cmctl", "backup", "show", "latest", "-o", "json"))
    assert (back["id"], back["complete"]) == (made[0]["id"], True)
    host.execute("cmctl", "backup", "verify", back["id"], timeout_seconds=300)
    assert host.execute("stat", "-c", "%U", back["path"]).strip() == "claude-memory-control"


def drills(host: Host) -> list[dict[str, object]]:
    """Newest first."""
    return json.loads(host.execute("cmctl", "backup", "drills", "-o", "json"))


def drill_metric(host: Host, sample: str) -> None:
    url = "http://127.0.0.1:8081/metrics"
    wait_until(lambda: f"cmctl_backup_drill_{sample}\n" in host.execute("curl", "-fsS", url), sample, 60, 1)


MEMORIES = """
INSERT INTO sessions (id) VALUES ('drill');
INSERT INTO memories (id, session_id, kind, content, metadata, content_hash, terms, created_at)
SELECT gen_random_uuid(), 'drill', 'note', text, '{}', sha256(text::bytea), to_tsvector('simple', text), now()
FROM (VALUES ('whales sing at night'), ('bread needs yeast'), ('the train is late')) AS texts (text)
"""
PRODUCTION = ("postgresql@17-main", "claude-memory-mcp", "claude-memory-controlplane")


def test_a_drill_restores_the_newest_set_beside_production_in_a_unit_of_its_own(deployment: Deployment) -> None:
    host = deployment.host
    ask(host, MEMORIES, "claude_memory")
    shown = ("systemctl", "show", "-p", "MainPID", *PRODUCTION)
    before = host.execute(*shown), ask(host, "SELECT timeline_id FROM pg_control_checkpoint()")
    host.execute("cmctl", "jobs", "run", "backup_drill", timeout_seconds=300)
    report = drills(host)[0]
    assert (report["outcome"], report["problem"], report["counts"]["memories"]) == ("passed", "", 3)
    assert {item["name"]: item["ok"] for item in report["checks"]} == dict.fromkeys(
        ("vectors", "search", "recovery", "counts", "rows", "checksums"), True
    )
    assert (host.execute(*shown), ask(host, "SELECT timeline_id FROM pg_control_checkpoint()")) == before
    assert host.execute("ls", "-A", "/var/lib/claude-memory/drill").split() == ["scratch.lock"]
    drill_metric(host, "last_passed 1.0")
    assert "LAST DRILL   passed" in host.execute("sh", "-c", "cmctl status || true")


def test_a_killed_drill_and_a_damaged_set_are_told_and_leave_nothing(deployment: Deployment) -> None:
    host = deployment.host
    host.execute("systemd-run", "--collect", "cmctl", "jobs", "run", "backup_drill")
    ours = ("pgrep", "-u", "claude-memory-control", "-x", "postgres")
    wait_until(lambda: host.succeeds(*ours), "PostgreSQL of the drill", 60)
    host.execute("systemctl", "kill", "--signal=KILL", "claude-memory-drill@*")
    wait_until(lambda: not host.succeeds(*ours), "the drill to be gone", 30)

    newest = json.loads(host.execute("cmctl", "backup", "show", "latest", "-o", "json"))
    damaged = f"{newest['path']}/postgresql/PG_VERSION"
    host.execute("sh", "-c", f"echo x >> {damaged}")
    said = host.execute("sh", "-c", "cmctl backup drill 2>&1; echo $?")
    assert f"error: the drill of set {newest['id']} failed: set {newest['id']} is damaged: " in said
    assert said.strip().endswith("1")
    assert [item["outcome"] for item in drills(host)[:3]] == ["failed", "interrupted", "passed"]
    drill_metric(host, "last_passed 0.0")
    wait_until(lambda: deployment.alerts().get("ClaudeMemoryDrillFailed") == "firing", "the alert to be stored", 90, 1)

    host.execute("sh", "-c", f"echo 17 > {damaged}")
    assert "passed" in host.execute("cmctl", "backup", "drill", timeout_seconds=300)
    drill_metric(host, "last_passed 1.0")
    assert host.execute("ls", "-A", "/var/lib/claude-memory/drill").split() == ["scratch.lock"]


@pytest.mark.parametrize(
    "command", ["cmctl backup create", "cmctl backup drill", "cmctl restore --confirm claude-memory"]
)
def test_an_ordinary_user_is_told_to_be_root(deployment: Deployment, command: str) -> None:
    said = deployment.host.execute("runuser", "-u", "deployer", "--", "sh", "-c", f"cd / && {command} 2>&1; echo $?")
    assert "run it as root" in said
    assert said.strip().endswith("5")


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
def test_passwords_of_postgresql_can_be_rotated_but_for_those_that_are_given(deployment: Deployment) -> None:
    secret = "/etc/claude-memory/secrets/postgresql_controlplane_password"
    before = deployment.host.execute("cat", secret)
    outcome = deployment.play("playbooks/rotate_secrets.yml")
    assert outcome.returncode == 0, outcome.output[-4000:]
    assert deployment.host.execute("cat", secret) != before
    assert ask(deployment.host, "SELECT 'in'", "claude_memory_controlplane", "claude_memory_controlplane") == "in"
    assert deployment.host.execute("cat", secret.replace("controlplane", "memory")).strip() == PASSWORD
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
    places = "/etc/claude-memory /var/lib/claude-memory /var/lib/postgresql /var/lib/qdrant /var/log/claude-memory"
    left = deployment.host.execute("sh", "-c", f"ls -d {places} 2>/dev/null || true")
    assert left == ""
