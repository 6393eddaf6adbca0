"""``cmctl alerts`` and ``cmctl jobs`` against a real daemon, with everything there and with parts missing."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster, free_port
from tests.support.tools import tool

PAYLOAD = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "ClaudeMemoryMCPDown", "severity": "critical", "priority": "P0", "job": "mcp"},
            "annotations": {"summary": "服务离线"},
            "startsAt": "2025-07-07T12:00:00Z",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "ClaudeMemoryDiskFull", "severity": "warning"},
            "startsAt": "2025-07-07T11:00:00Z",
            "endsAt": "2025-07-07T11:30:00Z",
        },
    ],
}
CONTRACT = {
    "fingerprint",
    "name",
    "state",
    "severity",
    "priority",
    "starts_at",
    "ends_at",
    "received_at",
    "labels",
    "annotations",
    "acknowledged_by",
}


@contextmanager
def with_two_alerts(data_dir: Path, cluster: PostgresqlCluster) -> Iterator[DaemonProcess]:
    with DaemonProcess(data_dir, cluster).running() as process:
        process.wait_for_database()
        process.post(PAYLOAD)
        process.wait_until_moved()
        yield process


@pytest.fixture(scope="module")
def daemon(postgresql_cluster: PostgresqlCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A running daemon with two alerts, shared by the tests that leave it whole."""
    with with_two_alerts(tmp_path_factory.mktemp("daemon"), postgresql_cluster) as process:
        yield process


@pytest.fixture
def own_daemon(own_postgresql: PostgresqlCluster, tmp_path: Path) -> Iterator[DaemonProcess]:
    """A running daemon with two alerts and a PostgreSQL that the test may stop."""
    with with_two_alerts(tmp_path, own_postgresql) as process:
        yield process


def names(result: subprocess.CompletedProcess[str]) -> list[str]:
    assert result.returncode == 0, result.stderr
    return [alert["name"] for alert in json.loads(result.stdout)]


def test_listing_and_showing(daemon: DaemonProcess) -> None:
    listed = daemon.cmctl("alerts", "list", "-o", "json")
    assert names(listed) == ["ClaudeMemoryMCPDown", "ClaudeMemoryDiskFull"]
    assert listed.stderr == ""
    first, second = json.loads(listed.stdout)
    assert set(first) >= CONTRACT
    assert (first["state"], first["ends_at"], first["priority"]) == ("firing", None, "P0")
    assert (second["state"], second["ends_at"]) == ("resolved", "2025-07-07T11:30:00Z")
    assert names(daemon.cmctl("alerts", "list", "--state", "resolved", "--json")) == ["ClaudeMemoryDiskFull"]
    assert names(daemon.cmctl("alerts", "list", "--label", "job=mcp", "--json")) == ["ClaudeMemoryMCPDown"]
    assert names(daemon.cmctl("alerts", "list", "--severity", "info", "--json")) == []
    assert names(daemon.cmctl("alerts", "list", "--since", "1h", "--limit", "1", "--json")) == ["ClaudeMemoryMCPDown"]
    shown = daemon.cmctl("alerts", "show", first["fingerprint"], "-o", "json")
    assert [change["state"] for change in json.loads(shown.stdout)["history"]] == ["firing"]
    table = daemon.cmctl("alerts", "list").stdout
    assert "ClaudeMemoryMCPDown" in table and "\x1b" not in table
    assert "服务离线" in daemon.cmctl("alerts", "show", first["fingerprint"]).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["show", "0000"], 1, "there is no alert"),
        (["list", "--state", "on"], 2, "--state"),
        (["list", "--since", "soon"], 2, "--since"),
        (["list", "--label", "x"], 2, "--label"),
    ],
)
def test_wrong_questions_are_answered_with_the_right_code(
    daemon: DaemonProcess, arguments: list[str], code: int, text: str
) -> None:
    result = daemon.cmctl("alerts", *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert text in result.stderr


def test_each_source_steps_in_for_the_one_before(own_daemon: DaemonProcess, own_postgresql: PostgresqlCluster) -> None:
    daemon = own_daemon
    expected = ["ClaudeMemoryMCPDown", "ClaudeMemoryDiskFull"]
    daemon.kill()
    from_postgresql = daemon.cmctl("alerts", "list", "--json")
    assert names(from_postgresql) == expected
    assert "daemon: " in from_postgresql.stderr and "answered from postgresql" in from_postgresql.stderr
    own_postgresql.stop()
    from_files = daemon.cmctl("alerts", "list", "--json")
    assert names(from_files) == expected
    assert "answered from alerts.log and the journal" in from_files.stderr
    daemon.start()
    from_memory = daemon.cmctl("alerts", "list", "--json")
    assert names(from_memory) == expected
    assert "the daemon answers from memory" in from_memory.stderr


def test_a_test_alert_straight_to_the_webhook(daemon: DaemonProcess) -> None:
    tested = daemon.cmctl("alerts", "test", "--direct", "-o", "json")
    assert tested.returncode == 0, tested.stderr
    assert [(hop["hop"], hop["passed"]) for hop in json.loads(tested.stdout)["hops"]] == [
        ("webhook post", True),
        ("webhook", True),
        ("postgresql", True),
    ]
    wait_for(lambda: "CmctlTestAlert" in names(daemon.cmctl("alerts", "list", "--state", "resolved", "--json")))


def test_a_test_alert_names_the_hop_that_failed(own_daemon: DaemonProcess, own_postgresql: PostgresqlCluster) -> None:
    daemon = own_daemon
    without_alertmanager = daemon.cmctl("alerts", "test", "-o", "json")
    assert without_alertmanager.returncode == 1
    (hop,) = json.loads(without_alertmanager.stdout)["hops"]
    assert (hop["hop"], hop["passed"]) == ("alertmanager", False)
    own_postgresql.stop()
    without_postgresql = daemon.cmctl("alerts", "test", "--direct", "--timeout", "2", "-o", "json")
    assert without_postgresql.returncode == 1
    assert json.loads(without_postgresql.stdout)["hops"][-1]["hop"] == "postgresql"


def test_a_test_alert_through_the_real_alertmanager(postgresql_cluster: PostgresqlCluster, tmp_path: Path) -> None:
    port = free_port()
    daemon = DaemonProcess(tmp_path / "daemon", postgresql_cluster, {"ports": {"alertmanager": port}})
    receiver = {"name": "x", "webhook_configs": [{"url": f"http://127.0.0.1:{daemon.port}/webhook"}]}
    route = {"receiver": "x", "group_wait": "100ms", "group_interval": "1s"}
    configuration = tmp_path / "alertmanager.yml"
    configuration.write_text(yaml.safe_dump({"route": route, "receivers": [receiver]}), encoding="utf-8")
    program = tool("alertmanager")
    command = [
        str(program),
        f"--config.file={configuration}",
        f"--storage.path={tmp_path / 'storage'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with daemon.running(), (tmp_path / "alertmanager.log").open("wb") as log:
        daemon.wait_for_database()
        # an unpacked Debian package finds its templates from its own root, an installed one from anywhere
        alertmanager = subprocess.Popen(command, stdout=log, stderr=log, cwd=program.parents[2])
        try:
            wait_for(lambda: daemon.cmctl("alerts", "test", "--timeout", "5").returncode == 0, 60)
            wait_for(lambda: "CmctlTestAlert" in names(daemon.cmctl("alerts", "list", "--state=resolved", "--json")))
        finally:
            alertmanager.terminate()
            alertmanager.wait(timeout=20)


def test_jobs_are_listed_run_and_remembered(daemon: DaemonProcess) -> None:
    wait_for(lambda: json.loads(daemon.cmctl("jobs", "history", "--json").stdout) != [])
    tasks = json.loads(daemon.cmctl("jobs", "list", "-o", "json").stdout)
    assert {task["task"] for task in tasks} >= {"health_checks", "journal_move", "retention"}
    run = daemon.run_job("retention")
    assert (run.returncode, json.loads(run.stdout)["outcome"]) == (0, "succeeded")
    history = json.loads(daemon.cmctl("jobs", "history", "--task", "retention", "--json").stdout)
    assert [(entry["trigger"], entry["outcome"]) for entry in history] == [("manual", "succeeded")]
    assert "retention" in daemon.cmctl("jobs", "list").stdout
    unknown = daemon.cmctl("jobs", "run", "nothing")
    assert (unknown.returncode, "there is no task" in unknown.stderr) == (2, True)


def test_without_the_daemon_there_are_no_jobs(tmp_path: Path) -> None:
    result = DaemonProcess(tmp_path).cmctl("jobs", "list")
    assert (result.returncode, result.stdout) == (4, "")
    assert "hint:" in result.stderr
