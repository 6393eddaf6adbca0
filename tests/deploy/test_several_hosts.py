"""The production inventory on five Debian 13 hosts, each with its own address; the tests run in the order of the file.

The archive of Qdrant holds a labelled stand-in, because test machines do not reach the releases.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tests.deploy.harness.commands import run, wait_until
from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host
from tests.deploy.harness.playbooks import Outcome, play
from tests.deploy.harness.qdrant_archive import make_archive

pytestmark = pytest.mark.long

INVENTORY = Path("inventories/production/hosts.yml")
PLACES = ("database", "vectors", "server", "control", "monitoring")
DOMAIN = ".memory.example.org"
TLS = "/etc/claude-memory/tls"


class SpreadDeployment(Deployment):
    """The hosts of the production inventory, by the first word of their names; ``host`` is the control plane's."""

    def __init__(self, hosts: Mapping[str, Host], checkout: Path, folder: Path) -> None:
        super().__init__(hosts["control"], checkout, folder)
        self.hosts = hosts
        self.folder.mkdir(parents=True)
        self.checksum = make_archive(folder / "qdrant.tar.gz")
        self.of_host: dict[str, dict[str, object]] = {}

    def play(self, playbook: str = "site.yml", *options: str) -> Outcome:
        """Run a playbook with the inventory as it is shipped, but for addresses, archive and shorter times."""
        inventory = yaml.safe_load((self.checkout / INVENTORY).read_text())
        for name in inventory["all"]["hosts"]:
            place = name.partition(".")[0]
            inventory["all"]["hosts"][name] = self.hosts[place].inventory_variables() | self.of_host.get(place, {})
        variables = inventory["all"]["children"]["claude_memory"]["vars"]
        variables |= {"qdrant_archive": str(self.folder / "qdrant.tar.gz"), "qdrant_archive_checksum": self.checksum}
        variables |= {"claude_memory_settings": self.settings, **self.variables}
        (self.folder / "hosts.yml").write_text(json.dumps(inventory, indent=1))
        return play(self.checkout, self.folder / "hosts.yml", playbook, *options)


@pytest.fixture(scope="module")
def spread(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> SpreadDeployment:
    return SpreadDeployment({place: make_host(place, "trixie") for place in PLACES}, checkout, run_dir / "production")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"claude_memory_listen_host": "0.0.0.0"}, "claude_memory_listen_host is for a single host"),
        ({"claude_memory_address": "127.0.0.1"}, "set claude_memory_address to the IP address"),
        ({"claude_memory_tls_key": "mine"}, "give all of claude_memory_tls_authority"),
        ({"qdrant_archive": "http://192.0.2.77/qdrant.tar.gz"}, "set it to a mirror, or to a file on the machine"),
    ],
)
def test_what_cannot_work_is_refused(spread: SpreadDeployment, variables: dict[str, object], sentence: str) -> None:
    spread.variables = variables
    try:
        outcome = spread.play()
    finally:
        spread.variables = {}
    assert outcome.returncode != 0
    assert sentence in " ".join(outcome.output.split()), outcome.output[-3000:]
    assert outcome.changed == 0


def test_blank_hosts_become_green(spread: SpreadDeployment) -> None:
    spread.deploy()
    spread.wait_until_green()
    checks = {check["name"]: check["state"] for check in spread.status()["checks"]}
    for name in ("postgresql", "qdrant", "mcp_server_http", "prometheus_http", "alertmanager_http", "link_certificate"):
        assert checks[name] == "OK", name
    targets = json.loads(spread.host.execute("curl", "-fsS", "http://127.0.0.1:9090/api/v1/targets"))
    machines = [target for target in targets["data"]["activeTargets"] if target["labels"]["job"] == "node"]
    assert {target["labels"]["instance"].partition(".")[0] for target in machines} == set(PLACES)
    assert {target["health"] for target in machines} == {"up"}


def test_a_second_run_changes_nothing(spread: SpreadDeployment) -> None:
    assert spread.deploy().changes() == []


def test_nothing_listens_beyond_the_inventory(spread: SpreadDeployment) -> None:
    served = {
        "database": {5432, 9100},
        "vectors": {6333, 9100},
        "server": {8080, 9100},
        "control": {8081, 9100},
        "monitoring": {9090, 9093},
    }
    for place, host in spread.hosts.items():
        addresses = {line.split()[3] for line in host.execute("ss", "-Hltn").splitlines()}
        outside = {address for address in addresses if not address.startswith("127.") and not address.endswith(":22")}
        assert outside == {f"{host.address}:{port}" for port in served[place]}, place


def link(spread: SpreadDeployment, client: str, server: str, port: int, *options: str) -> bool:
    """Whether a host gets an answer over TLS from another, naming it as its certificate does."""
    name = server + DOMAIN
    resolve = f"{name}:{port}:{spread.hosts[server].address}"
    url = f"https://{name}:{port}/metrics"
    trust = ("--cacert", f"{TLS}/ca.crt", "--resolve", resolve, "-H", "Host: localhost")
    return spread.hosts[client].succeeds("curl", "-fsS", "-m", "5", "-o", "/dev/null", *trust, *options, url)


def test_only_the_hosts_that_need_a_component_reach_it(spread: SpreadDeployment) -> None:
    own = ("--cert", f"{TLS}/host.crt", "--key", f"{TLS}/host.key")
    assert link(spread, "monitoring", "control", 8081, *own)
    assert not link(spread, "monitoring", "control", 8081), "without a certificate"
    assert not link(spread, "vectors", "control", 8081, *own), (
        "with the certificate of a host that has no business there"
    )
    assert not link(spread, "database", "monitoring", 9090, *own), (
        "with the certificate of a host that has no business there"
    )
    plain = f"http://{spread.hosts['control'].address}:8081/health"
    assert not spread.hosts["monitoring"].succeeds("curl", "-fsS", "-m", "5", plain), "without TLS"


def test_postgresql_insists_on_tls(spread: SpreadDeployment) -> None:
    database = spread.hosts["database"]
    query = (
        "SELECT DISTINCT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL"
    )
    command = ("runuser", "-u", "postgres", "--", "psql", "-XAt", "-d", "postgres", "-c", query)
    assert database.execute(*command).strip() == "t|TLSv1.3"
    login = f"host={database.address} dbname=claude_memory_db user=claude_memory password=wrong sslmode=disable"
    program = f"import psycopg; psycopg.connect({login!r})"
    refused = f'/opt/claude-memory/current/bin/python -c "{program}" 2>&1 || true'
    assert "no encryption" in spread.hosts["server"].execute("sh", "-c", refused)


@pytest.mark.parametrize(("place", "unit"), [("control", "claude-memory-links"), ("vectors", "qdrant")])
def test_units_are_sandboxed(spread: SpreadDeployment, place: str, unit: str) -> None:
    report = spread.hosts[place].execute("systemd-analyze", "security", "--no-pager", unit)
    assert float(report.strip().splitlines()[-1].partition(": ")[2].split()[0]) <= 4.0


def test_an_alert_travels_from_host_to_host(spread: SpreadDeployment) -> None:
    server = spread.hosts["server"]
    server.execute("systemctl", "stop", "claude-memory-mcp")
    wait_until(lambda: spread.alerts().get("ClaudeMemoryMCPDown") == "firing", "the alert to be stored", 120, 1)
    server.execute("systemctl", "start", "claude-memory-mcp")
    wait_until(lambda: spread.alerts().get("ClaudeMemoryMCPDown") == "resolved", "the alert to resolve", 180, 1)
    spread.wait_until_green()


def test_a_lost_certificate_is_made_again(spread: SpreadDeployment) -> None:
    spread.hosts["monitoring"].execute("rm", f"{TLS}/host.crt")
    spread.deploy()
    spread.wait_until_green()


def own_certificates(spread: SpreadDeployment, folder: Path) -> dict[str, dict[str, object]]:
    """The variables of each host for certificates of an authority of one's own."""
    folder.mkdir()
    authority, key = folder / "ca.crt", folder / "ca.key"
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run(
        "openssl",
        "req",
        "-x509",
        *new_key,
        "-keyout",
        str(key),
        "-out",
        str(authority),
        "-subj",
        "/CN=Ours",
        "-days",
        "30",
    )
    variables: dict[str, dict[str, object]] = {}
    for place, host in spread.hosts.items():
        request, names = folder / f"{place}.csr", folder / f"{place}.names"
        names.write_text(f"subjectAltName=DNS:{place}{DOMAIN},IP:{host.address}\n")
        own_key, own = folder / f"{place}.key", folder / f"{place}.crt"
        subject = ("-subj", f"/CN={place}{DOMAIN}")
        run("openssl", "req", *new_key, "-keyout", str(own_key), "-out", str(request), *subject)
        signer = ("-CA", str(authority), "-CAkey", str(key), "-CAcreateserial", "-days", "30")
        run("openssl", "x509", "-req", "-in", str(request), *signer, "-extfile", str(names), "-out", str(own))
        variables[place] = {
            "claude_memory_tls_authority": authority.read_text(),
            "claude_memory_tls_certificate": own.read_text(),
            "claude_memory_tls_key": own_key.read_text(),
        }
    return variables


def test_certificates_of_ones_own_replace_the_generated_ones(spread: SpreadDeployment) -> None:
    spread.of_host = own_certificates(spread, spread.folder / "certificates")
    outcome = spread.deploy("--diff", "-v")
    secret = str(spread.of_host["database"]["claude_memory_tls_key"]).splitlines()[1]
    assert secret not in outcome.output
    spread.wait_until_green()
    for host in spread.hosts.values():
        assert "CN = Ours" in host.execute(
            "openssl", "x509", "-in", f"{TLS}/host.crt", "-noout", "-issuer", "-nameopt", "oneline"
        )
    own = ("--cert", f"{TLS}/host.crt", "--key", f"{TLS}/host.key")
    assert link(spread, "monitoring", "control", 8081, *own)
    assert spread.deploy().changes() == []
