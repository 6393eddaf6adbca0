"""Maintenance through the API and the command line, with a real PostgreSQL and a real Alertmanager."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.adapters.alertmanager_silences import AlertmanagerSilences
from controlplane.config.objectives import load_objectives
from controlplane.domain.silence import Silence
from tests.support.alertmanager import AlertmanagerServer
from tests.support.daemon import DaemonProcess
from tests.support.postgresql import PostgresqlCluster
from tests.support.rules import ROOT


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[AlertmanagerServer]:
    server = AlertmanagerServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def daemon(
    postgresql_cluster: PostgresqlCluster,
    alertmanager: AlertmanagerServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DaemonProcess]:
    settings = {"ports": {"alertmanager": alertmanager.port}}
    process = DaemonProcess(tmp_path_factory.mktemp("maintenance"), postgresql_cluster, settings)
    with process.running():
        process.wait_for_database()
        yield process


def silences(server: AlertmanagerServer, key: str) -> list[Silence]:
    """Silences of an entry that are not expired."""
    found = asyncio.run(AlertmanagerSilences(server.url, 10).silences())
    return [one for one in found if one.mark and one.mark[0] == key and one.state != "expired"]


def cmctl(daemon: DaemonProcess, *arguments: str) -> Any:
    result = daemon.cmctl("maintenance", *arguments, "-o", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def add(daemon: DaemonProcess, key: str, *arguments: str) -> Any:
    who = ["--author", "ada", "--reason", f"reason of {key}", "--key", key]
    return cmctl(daemon, "add", *who, *(arguments or ["--service", "qdrant", "--for", "1h"]))


def test_an_entry_is_silenced_listed_and_ended(daemon: DaemonProcess, alertmanager: AlertmanagerServer) -> None:
    entered = add(daemon, "life", "--service", "qdrant", "--service", "postgresql", "--for", "1h")
    assert (entered["state"], entered["entered_after_the_fact"], entered["silence_problem"]) == ("active", False, None)
    assert entered["objectives"] == ["postgresql-availability", "qdrant-availability"]
    (silence,) = silences(alertmanager, "life")
    assert (silence.state, silence.created_by) == ("active", "ada")
    assert str(silence.matchers[0]) == 'service=~"qdrant|postgresql"'
    assert entered["id"] in [one["id"] for one in cmctl(daemon, "list")]
    ended = cmctl(daemon, "end", str(entered["id"]), "--author", "bob")
    assert (ended["state"], ended["ended_by"]) == ("over", "bob")
    assert silences(alertmanager, "life") == []
    assert entered["id"] not in [one["id"] for one in cmctl(daemon, "list")]
    assert entered["id"] in [one["id"] for one in cmctl(daemon, "list", "--all")]
    again = daemon.cmctl("maintenance", "end", str(entered["id"]), "--author", "bob")
    assert (again.returncode, "is over" in again.stderr) == (5, True)
    told = [(one["actor"], one["detail"]) for one in daemon.get("/api/v1/actions?kind=maintenance")]
    assert ("ada", "entered: reason of life") in told
    assert ("bob", "ended: reason of life") in told


def test_the_same_key_twice_is_entered_and_silenced_once(
    daemon: DaemonProcess, alertmanager: AlertmanagerServer
) -> None:
    assert add(daemon, "twice")["id"] == add(daemon, "twice")["id"]
    result = daemon.run_job("maintenance_silences")
    assert result.returncode == 0, result.stderr
    run = json.loads(result.stdout)
    assert run["outcome"] == "succeeded", run
    assert len(silences(alertmanager, "twice")) == 1


def test_a_playbook_opens_and_ends_its_work_by_key(daemon: DaemonProcess, alertmanager: AlertmanagerServer) -> None:
    work = ("--service", "postgresql", "--for", "30m", "--work", "deploy")
    opened = [add(daemon, "deploy-7", *work) for _ in range(2)]
    assert {one["id"] for one in opened} == {opened[0]["id"]}
    assert len(silences(alertmanager, "deploy-7")) == 1
    (running,) = daemon.get("/api/v1/actions?kind=deploy")
    assert (running["outcome"], running["actor"], running["detail"]) == ("running", "ada", "reason of deploy-7")
    assert running["at"] == opened[0]["starts_at"]
    end = ("end", "--key", "deploy-7", "--author", "ada", "--outcome", "failed", "--detail", "task 3 failed")
    ended = [cmctl(daemon, *end) for _ in range(2)]
    assert [one["state"] for one in ended] == ["over", "over"]
    assert ended[0]["ended_at"] == ended[1]["ended_at"]
    assert silences(alertmanager, "deploy-7") == []
    (over,) = daemon.get("/api/v1/actions?kind=deploy")
    assert (over["outcome"], over["detail"], over["until"]) == ("failed", "task 3 failed", ended[0]["ended_at"])
    again = daemon.cmctl("maintenance", "add", "--author", "a", "--reason", "r", "--key", "deploy-7", *work)
    assert (again.returncode, "take another key" in again.stderr) == (0, True)


def test_after_the_fact_is_marked_and_not_silenced(daemon: DaemonProcess, alertmanager: AlertmanagerServer) -> None:
    late = add(daemon, "late", "--service", "qdrant", "--start", "3h", "--for", "1h")
    assert (late["state"], late["entered_after_the_fact"]) == ("over", True)
    assert silences(alertmanager, "late") == []
    withdrawn = cmctl(daemon, "end", str(late["id"]), "--author", "ada", "--withdraw")
    assert withdrawn["state"] == "withdrawn"


def test_a_recurring_window_on_the_clock_of_a_time_zone(daemon: DaemonProcess) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    entered = add(
        daemon,
        "weekly",
        "--all",
        "--start",
        f"{tomorrow:%Y-%m-%d} 02:00",
        "--for",
        "2h",
        "--repeat",
        "weekly",
        "--time-zone",
        "Asia/Shanghai",
    )
    assert (entered["state"], entered["recurrence"], entered["matchers"]) == (
        "planned",
        "FREQ=WEEKLY",
        ['service=~".+"'],
    )
    assert datetime.fromisoformat(entered["starts_at"]) == datetime.fromisoformat(f"{tomorrow:%Y-%m-%d}T02:00:00+08:00")
    shipped = load_objectives(ROOT / "objectives" / "claude-memory.yml")
    assert sorted(entered["objectives"]) == sorted(objective.name for objective in shipped)


def test_what_alertmanager_refuses_is_told_and_stops_nothing_else(
    daemon: DaemonProcess, alertmanager: AlertmanagerServer
) -> None:
    refused = add(daemon, "lookahead", "--label", "instance=~(?=a).*", "--for", "1h")
    assert "refuses the silence" in refused["silence_problem"]
    beside = add(daemon, "beside")
    assert len(silences(alertmanager, "beside")) == 1
    for one in (refused, beside):
        daemon.cmctl("maintenance", "end", str(one["id"]), "--author", "ada")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--service", "a"], "--end or --for"),
        (["--for", "1h"], "--service, --label or --all"),
        (["--service", "a", "--for", "soon"], "not a Prometheus duration"),
        (["--service", "a b", "--for", "1h"], "is not the name of a service"),
        (["--service", "a", "--for", "40d"], "31 days at most"),
        (["--service", "a", "--for", "1h", "--repeat", "hourly"], "FREQ="),
        (["--service", "a", "--for", "1h", "--start", "yesterday"], "--start"),
        (["--service", "a", "--for", "1h", "--work", "maintenance"], "such as deploy"),
        (["--service", "a", "--for", "1h", "--work", "deploy", "--repeat", "daily"], "leave out the start"),
        (["--service", "a", "--for", "1h", "--time-zone", "Mars"], "IANA"),
    ],
)
def test_clear_errors(daemon: DaemonProcess, arguments: list[str], words: str) -> None:
    result = daemon.cmctl("maintenance", "add", "--author", "a", "--reason", "r", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr


def test_ending_needs_one_entry_that_there_is(daemon: DaemonProcess) -> None:
    for arguments, words in (
        ([], "either ID or --key"),
        (["1", "--key", "x"], "either ID or --key"),
        (["--key", "nonsense"], "there is no maintenance with the key 'nonsense'"),
    ):
        result = daemon.cmctl("maintenance", "end", "--author", "a", *arguments)
        assert (result.returncode, words in result.stderr) == (2, True), result.stderr


def test_reason_and_author_are_required(daemon: DaemonProcess) -> None:
    for given in ("--author", "--reason"):
        result = daemon.cmctl("maintenance", "add", given, "x", "--all", "--for", "1h")
        assert (result.returncode, "Missing option" in result.stderr) == (2, True)


@pytest.mark.parametrize("path", ["/api/v1/maintenance", "/api/v1/maintenance/1/end"])
def test_changing_needs_the_token(daemon: DaemonProcess, path: str) -> None:
    assert daemon.request("POST", path, b"{}")[0] == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"{", "body"),
        (b"{}", "key"),
        (b'{"key":"k","author":"a","reason":"r","nonsense":1}', "nonsense"),
        (b'{"key":"k","author":1,"reason":"r"}', "author"),
        (b'{"key":"k","author":"a","reason":"r","services":["s"],"starts_at":"2026-01-01T00:00:00"}', "starts_at"),
        (b'{"key":"k","author":"a\\u0000","reason":"r","services":["s"],"duration_seconds":60}', "author"),
    ],
)
def test_bodies_that_can_never_succeed(daemon: DaemonProcess, body: bytes, field: str) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}"}
    status, text, _ = daemon.request("POST", "/api/v1/maintenance", body, headers)
    assert (status, json.loads(text)["field"]) == (400, field)


def test_an_unknown_entry_is_not_found(daemon: DaemonProcess) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}"}
    for number in ("999999", "x", "9" * 30):
        path = f"/api/v1/maintenance/{number}/end"
        assert daemon.request("POST", path, b'{"author":"a"}', headers)[0] == 404


def test_alertmanager_down_is_told_and_the_task_makes_up_for_it(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path
) -> None:
    server = AlertmanagerServer()
    daemon = DaemonProcess(tmp_path, postgresql_cluster, {"ports": {"alertmanager": server.port}})
    try:
        with daemon.running():
            daemon.wait_for_database()
            entered = add(daemon, "down")
            assert "connection refused" in entered["silence_problem"]
        # The control plane restarts, Alertmanager comes back: nobody repeats the command.
        server.start()
        with daemon.running():
            daemon.wait_for_database()
            daemon.run_job("maintenance_silences")
            assert len(silences(server, "down")) == 1
            server.stop()
            ended = cmctl(daemon, "end", str(entered["id"]), "--author", "ada")
            assert "connection refused" in ended["silence_problem"]
            server.start()
            assert len(silences(server, "down")) == 1
            daemon.run_job("maintenance_silences")
            assert silences(server, "down") == []
    finally:
        server.remove()


def test_without_the_daemon_it_is_written_to_postgresql(
    postgresql_cluster: PostgresqlCluster, alertmanager: AlertmanagerServer, tmp_path: Path
) -> None:
    daemon = DaemonProcess(tmp_path, postgresql_cluster, {"ports": {"alertmanager": alertmanager.port}})
    with daemon.running():
        daemon.wait_for_database()
    result = daemon.cmctl(
        "maintenance", "add", "--author", "a", "--reason", "r", "--service", "s", "--for", "1h", "--key", "alone"
    )
    assert result.returncode == 0, result.stderr
    assert "the silences follow" in result.stderr
    assert [one["key"] for one in cmctl(daemon, "list")] == ["alone"]
    refused = daemon.cmctl("maintenance", "add", "--author", "a", "--reason", " ", "--service", "s", "--for", "1h")
    assert (refused.returncode, "reason" in refused.stderr) == (2, True)
    with daemon.running():
        daemon.wait_for_database()
        daemon.run_job("maintenance_silences")
        assert len(silences(alertmanager, "alone")) == 1


def test_nobody_there_is_exit_code_4(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    result = daemon.cmctl("maintenance", "add", "--author", "a", "--reason", "r", "--all", "--for", "1h")
    assert (result.returncode, result.stdout) == (4, "")
