"""An alert whose resolved notification was lost: ended by the next episode, or when Alertmanager has forgotten it."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.alertmanager import POSTS_TO, AlertmanagerServer
from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster, free_port

QUICK = {"resolve_timeout_seconds": 1, "reconcile_interval_seconds": 0.2}


@pytest.fixture
def alertmanager() -> Iterator[AlertmanagerServer]:
    port = free_port()
    server = AlertmanagerServer(POSTS_TO.format(port=port, resolve_timeout="5m"), port)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def daemon(
    postgresql_cluster: PostgresqlCluster, alertmanager: AlertmanagerServer, tmp_path: Path
) -> Iterator[DaemonProcess]:
    """A daemon that this Alertmanager posts to, and that compares with it five times a second."""
    settings = {
        "ports": {"alertmanager": alertmanager.port},
        "alertmanager": QUICK,
        "prometheus": {"alert_resend_delay_seconds": 0.25},
    }
    process = DaemonProcess(tmp_path, postgresql_cluster, settings, port=alertmanager.webhook_port)
    with process.running():
        process.wait_for_database()
        yield process


def alert(name: str, started_minutes_ago: float, ended: bool = False) -> dict[str, Any]:
    now = datetime.now(UTC)
    ends_at = now - timedelta(seconds=1) if ended else now + timedelta(minutes=10)
    return {
        "labels": {"alertname": name},
        "startsAt": (now - timedelta(minutes=started_minutes_ago)).isoformat(),
        "endsAt": ends_at.isoformat(),
    }


def listed(daemon: DaemonProcess, name: str) -> list[dict[str, Any]]:
    """The alerts of a name from PostgreSQL, newest first."""
    alerts: list[dict[str, Any]] = json.loads(daemon.cmctl("alerts", "list", "-o", "json").stdout)
    found = [alert for alert in alerts if alert["labels"].get("alertname") == name]
    return sorted(found, key=lambda alert: str(alert["starts_at"]), reverse=True)


def logged(daemon: DaemonProcess, name: str) -> list[tuple[str, str | None]]:
    lines = (daemon.data_dir / "log" / "alerts.log").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    return [(entry["state"], entry["end_reason"]) for entry in entries if entry["name"] == name]


def test_an_alert_that_alertmanager_lost_is_ended_as_stale_and_not_while_it_is_away(
    daemon: DaemonProcess, alertmanager: AlertmanagerServer
) -> None:
    alertmanager.post(alert("Lost", 10))
    wait_for(lambda: daemon.get("/api/v1/alerts?state=firing&label=alertname=Lost"))
    alertmanager.stop(signal.SIGKILL)
    runs = runs_of(daemon)
    wait_for(lambda: runs_of(daemon) > runs + 8)  # longer than the timeout: nobody answers, nothing changes
    assert listed(daemon, "Lost")[0]["state"] == "firing"
    alertmanager.start()  # knows nothing of it any more
    wait_for(lambda: listed(daemon, "Lost")[0]["state"] == "resolved")
    ended = listed(daemon, "Lost")[0]
    assert ended["end_reason"] == "stale"
    assert ended["starts_at"] < ended["ends_at"]
    assert daemon.get("/api/v1/alerts?state=firing") == []
    assert logged(daemon, "Lost") == [("firing", None), ("resolved", "stale")]
    assert daemon.metric("cmctl_alerts_stale_total") == 1
    shown = daemon.cmctl("alerts", "show", ended["fingerprint"]).stdout
    assert "or before: Alertmanager did not know it any more" in shown


def test_a_newer_episode_ends_the_one_whose_end_was_lost_also_over_a_restart(
    daemon: DaemonProcess, alertmanager: AlertmanagerServer
) -> None:
    alertmanager.post(alert("Again", 10))
    wait_for(lambda: daemon.get("/api/v1/alerts?state=firing&label=alertname=Again"))
    alertmanager.stop(signal.SIGKILL)
    daemon.kill()
    daemon.start()
    alertmanager.start()
    alertmanager.post(alert("Again", 1))
    wait_for(lambda: len(listed(daemon, "Again")) == 2)
    newer, older = listed(daemon, "Again")
    assert (newer["state"], newer["end_reason"]) == ("firing", None)
    assert (older["state"], older["end_reason"], older["ends_at"]) == ("resolved", "superseded", newer["starts_at"])
    assert [item["starts_at"] for item in daemon.get("/api/v1/alerts?state=firing")] == [newer["starts_at"]]
    assert logged(daemon, "Again") == [("firing", None), ("firing", None), ("resolved", "superseded")]


def runs_of(daemon: DaemonProcess) -> int:
    """How often the comparison has run."""
    return len(daemon.get("/api/v1/jobs/history?task=alert_reconciliation&limit=1000"))


def resolve(daemon: DaemonProcess, fingerprint: str, *options: str) -> subprocess.CompletedProcess[str]:
    return daemon.cmctl("alerts", "resolve", fingerprint, "--author", "ann", "--reason", "the host is gone", *options)


def test_a_person_ends_an_alert_that_alertmanager_does_not_know(
    daemon: DaemonProcess, alertmanager: AlertmanagerServer
) -> None:
    start = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    body = {"alerts": [{"labels": {"alertname": "ByHand"}, "startsAt": start}]}
    assert daemon.post(body)[0] == 200
    fingerprint = listed(daemon, "ByHand")[0]["fingerprint"]
    assert daemon.cmctl("alerts", "resolve", fingerprint, "--author", "ann").returncode == 2  # no reason
    done = resolve(daemon, fingerprint)
    assert (done.returncode, done.stdout) == (0, "ByHand is over\n"), done.stderr
    ended = listed(daemon, "ByHand")[0]
    assert (ended["state"], ended["end_reason"]) == ("resolved", "stale")
    (action,) = [one for one in daemon.get("/api/v1/actions?kind=alert_resolve") if one["subject"] == fingerprint]
    assert (action["actor"], action["detail"], action["outcome"]) == ("ann", "the host is gone", "succeeded")
    assert resolve(daemon, fingerprint).returncode == 2  # it does not fire any more
    assert daemon.post(body)[0] == 200  # it is told again: whoever said that it was over was wrong
    wait_for(lambda: listed(daemon, "ByHand")[0]["state"] == "firing")


def test_what_alertmanager_knows_is_not_ended_by_hand(daemon: DaemonProcess, alertmanager: AlertmanagerServer) -> None:
    alertmanager.post(alert("Known", 10))
    wait_for(lambda: daemon.get("/api/v1/alerts?state=firing&label=alertname=Known"))
    fingerprint = listed(daemon, "Known")[0]["fingerprint"]
    refused = resolve(daemon, fingerprint, "--anyway")
    assert (refused.returncode, "says that" in refused.stderr) == (5, True)
    alertmanager.stop(signal.SIGKILL)
    unasked = resolve(daemon, fingerprint)
    assert (unasked.returncode, "cannot be asked" in unasked.stderr) == (5, True)
    assert listed(daemon, "Known")[0]["state"] == "firing"
    assert resolve(daemon, fingerprint, "--anyway").returncode == 0
    assert listed(daemon, "Known")[0]["state"] == "resolved"
    (action,) = [one for one in daemon.get("/api/v1/actions?kind=alert_resolve") if one["subject"] == fingerprint]
    assert "Alertmanager was not asked" in action["detail"]
