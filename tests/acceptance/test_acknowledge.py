"""Taking alerts on and muting them: the console script, a real daemon, PostgreSQL and Alertmanager."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.alertmanager import POSTS_TO, AlertmanagerServer
from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster, free_port


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[AlertmanagerServer]:
    port = free_port()
    server = AlertmanagerServer(POSTS_TO.format(port=port, resolve_timeout="5m"), port)
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
    folder = tmp_path_factory.mktemp("daemon")
    settings = {"ports": {"alertmanager": alertmanager.port}}
    with DaemonProcess(folder, postgresql_cluster, settings, port=alertmanager.webhook_port).running() as process:
        process.wait_for_database()
        yield process


BEGIN = datetime.now(UTC)


def fire(daemon: DaemonProcess, name: str, minutes_ago: int = 1) -> str:
    """Post a firing alert, the same one each time; returns its fingerprint."""
    start = (BEGIN - timedelta(minutes=minutes_ago)).isoformat(timespec="seconds")
    assert daemon.post({"alerts": [{"labels": {"alertname": name}, "startsAt": start}]})[0] == 200
    return str(listed(daemon, name)[0]["fingerprint"])


def listed(daemon: DaemonProcess, name: str) -> list[dict[str, Any]]:
    found = daemon.cmctl("alerts", "list", "--label", f"alertname={name}", "-o", "json")
    assert found.returncode == 0, found.stderr
    alerts: list[dict[str, Any]] = json.loads(found.stdout)
    return alerts


def test_an_alert_is_somebodys_until_it_is_given_back(daemon: DaemonProcess) -> None:
    fingerprint = fire(daemon, "Mine")
    taken = daemon.cmctl("alerts", "ack", fingerprint, "--author", "ann", "--note", "on it", "-o", "json")
    assert taken.returncode == 0, taken.stderr
    until = datetime.fromisoformat(json.loads(taken.stdout)["acknowledged_until"])
    assert timedelta(hours=3, minutes=50) < until - datetime.now(UTC) <= timedelta(hours=4)
    assert listed(daemon, "Mine")[0]["acknowledged_by"] == "ann"
    assert "ann" in daemon.cmctl("alerts", "show", fingerprint).stdout
    fire(daemon, "Mine")  # repeated: it stays ann's
    assert listed(daemon, "Mine")[0]["acknowledged_by"] == "ann"
    back = daemon.cmctl("alerts", "unack", fingerprint, "--author", "bob")
    assert (back.returncode, back.stdout) == (0, "Mine is nobody's\n")
    assert listed(daemon, "Mine")[0]["acknowledged_by"] is None
    again = daemon.cmctl("alerts", "unack", fingerprint, "--author", "bob")
    assert (again.returncode, "is acknowledged" in again.stderr) == (2, True)
    actions = daemon.get("/api/v1/actions")
    noted = [(item["kind"], item["actor"]) for item in actions if item["subject"] == fingerprint]
    assert noted == [("unacknowledge", "bob"), ("acknowledge", "ann")]


def test_an_acknowledgement_times_out_and_a_new_episode_begins_without_one(daemon: DaemonProcess) -> None:
    fingerprint = fire(daemon, "Short", minutes_ago=60)
    assert daemon.cmctl("alerts", "ack", fingerprint, "--author", "ann", "--for", "500ms").returncode == 0
    wait_for(lambda: listed(daemon, "Short")[0]["acknowledged_by"] is None)
    assert daemon.cmctl("alerts", "ack", fingerprint, "--author", "ann").returncode == 0
    fire(daemon, "Short", minutes_ago=2)
    newer, older = sorted(listed(daemon, "Short"), key=lambda alert: str(alert["starts_at"]), reverse=True)
    assert (newer["acknowledged_by"], older["acknowledged_by"], older["state"]) == (None, "ann", "resolved")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "author"),
        ({"author": " "}, 400, "author"),
        ({"author": "a", "duration_seconds": 0}, 400, "duration_seconds"),
        ({"author": "a", "duration_seconds": 1e9}, 400, "duration_seconds"),
        ({"author": "a", "until": "x"}, 400, "until"),
        ({"author": "a"}, 404, None),
    ],
)
def test_a_wrong_acknowledgement_is_named(
    daemon: DaemonProcess, body: dict[str, Any], status: int, field: str | None
) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}"}
    path = "/api/v1/alerts/unheard-of/ack"
    got, answer, _ = daemon.request("POST", path, json.dumps(body).encode(), headers)
    assert (got, json.loads(answer).get("field")) == (status, field)
    assert daemon.request("POST", path, b"{}")[0] == 401


def test_a_silence_mutes_until_it_is_expired(daemon: DaemonProcess, alertmanager: AlertmanagerServer) -> None:
    arguments = ["--author", "ann", "--comment", "work", "--for", "1h", "-o", "json"]
    made = daemon.cmctl("silence", "add", "alertname=~Quiet.*", "team!=db", *arguments)
    assert made.returncode == 0, made.stderr
    (one,) = json.loads(daemon.cmctl("silence", "list", "-o", "json").stdout)
    assert (one["id"], one["state"], one["created_by"]) == (json.loads(made.stdout)["id"], "active", "ann")
    now = datetime.now(UTC)
    ends = (now + timedelta(minutes=5)).isoformat()
    alertmanager.post(
        *[{"labels": {"alertname": name}, "startsAt": now.isoformat(), "endsAt": ends} for name in ("Quiet1", "Loud")]
    )
    wait_for(lambda: listed(daemon, "Loud"))
    assert listed(daemon, "Quiet1") == []
    assert daemon.cmctl("silence", "expire", one["id"]).returncode == 0
    assert daemon.cmctl("silence", "list").stdout == "no silences\n"
    wait_for(lambda: listed(daemon, "Quiet1"))
    twice = daemon.cmctl("silence", "expire", one["id"])
    assert (twice.returncode, "active or pending" in twice.stderr) == (2, True)


def test_an_alert_that_alertmanager_tells_to_come_and_go_flaps(
    daemon: DaemonProcess, alertmanager: AlertmanagerServer
) -> None:
    """Four times, as configured by default: with the starts and ends that the real Alertmanager makes of it."""
    for count in range(1, 5):
        begun = datetime.now(UTC).isoformat()
        firing = {"labels": {"alertname": "Flaps"}, "startsAt": begun}
        alertmanager.post({**firing, "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat()})
        wait_for(lambda: [one["state"] for one in episodes(daemon, "Flaps")].count("firing") == 1)
        alertmanager.post({**firing, "endsAt": datetime.now(UTC).isoformat()})
        wait_for(lambda: [one["state"] for one in episodes(daemon, "Flaps")] == ["resolved"] * count)  # noqa: B023
    wait_for(lambda: episodes(daemon, "Flaps")[0]["flapping_fires"] == 4)


def episodes(daemon: DaemonProcess, name: str) -> list[dict[str, Any]]:
    """Every time that an alert fired, the newest first."""
    found: list[dict[str, Any]] = daemon.get(f"/api/v1/alerts?label=alertname%3D{name}")
    return sorted(found, key=lambda one: str(one["starts_at"]), reverse=True)


@pytest.mark.parametrize(
    "arguments", [["alertname"], ["alertname=~("], ["a=b", "--for", "soon"], ["a=b", "--for", "0"]]
)
def test_a_wrong_silence_is_refused(daemon: DaemonProcess, arguments: list[str]) -> None:
    added = daemon.cmctl("silence", "add", "--author", "ann", "--comment", "c", "--for", "1h", *arguments)
    assert (added.returncode, added.stdout) == (2, "")
