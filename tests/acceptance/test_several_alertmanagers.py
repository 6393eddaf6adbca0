"""Alertmanagers that do not know of each other send the same alert: it is stored once and told once."""

from datetime import UTC, datetime
from pathlib import Path

from tests.support.alertmanager import POSTS_TO, AlertmanagerServer
from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster
from tests.support.receivers import http_receiver


def test_the_same_alert_from_two_is_one(postgresql_cluster: PostgresqlCluster, tmp_path: Path) -> None:
    with http_receiver() as receiver:
        url = tmp_path / "receiver.url"
        url.write_text(receiver.apprise_url, encoding="utf-8")
        settings = {"notifications": {"receivers": [{"name": "chat", "url": {"file": str(url)}}]}}
        with DaemonProcess(tmp_path / "data", postgresql_cluster, settings).running() as daemon:
            daemon.wait_for_database()
            posts = POSTS_TO.format(resolve_timeout="5m", port=daemon.port)
            both = [AlertmanagerServer(posts), AlertmanagerServer(posts)]
            try:
                alert = {
                    "labels": {"alertname": "SeenByBoth", "severity": "critical"},
                    "startsAt": datetime.now(UTC).isoformat(),
                }
                for one in both:
                    one.start()
                for count, one in enumerate(both, start=1):
                    one.post(alert)
                    wait_for(lambda: daemon.labelled_metric("cmctl_alerts_received_total", state="firing") == count)  # noqa: B023 - asked at once
                wait_for(lambda: receiver.messages())
                over = {**alert, "endsAt": datetime.now(UTC).isoformat()}
                for count, one in enumerate(both, start=1):
                    one.post(over)
                    wait_for(lambda: daemon.labelled_metric("cmctl_alerts_received_total", state="resolved") == count)  # noqa: B023
                wait_for(lambda: len(receiver.messages()) == 2)
                daemon.wait_until_moved()
                (stored,) = daemon.get("/api/v1/alerts")
                assert (stored["name"], stored["state"]) == ("SeenByBoth", "resolved")
                history = daemon.get(f"/api/v1/alerts/{stored['fingerprint']}")["history"]
                assert [change["state"] for change in history] == ["firing", "resolved"]
                daemon.stop()
                assert len(receiver.messages()) == 2
            finally:
                for one in both:
                    one.remove()
