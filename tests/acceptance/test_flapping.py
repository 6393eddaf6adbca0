"""An alert that flaps: a real daemon with PostgreSQL and an HTTP receiver that counts what people are told."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster
from tests.support.receivers import http_receiver

# Recognised quickly, and calm only after what a daemon needs to be killed and back.
FLAPPING = {"fires": 3, "window_seconds": 20, "calm_seconds": 10}
NO_COOLDOWN = {"critical": 0, "error": 0, "warning": 0, "info": 0}


class Flapper:
    """One alert that begins and ends as it is told."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self._started_at = ""

    def fire(self) -> None:
        self._started_at = datetime.now(UTC).isoformat()
        self._post("firing", "0001-01-01T00:00:00Z")

    def end(self) -> None:
        self._post("resolved", datetime.now(UTC).isoformat())

    def _post(self, status: str, ends_at: str) -> None:
        labels = {"alertname": "Comes", "severity": "critical", "instance": "db:9100"}
        alert = {"status": status, "labels": labels, "startsAt": self._started_at, "endsAt": ends_at}
        assert self._daemon.post({"version": "4", "alerts": [alert]})[0] == 200

    def shown(self) -> dict[str, Any]:
        """Its newest episode, as a list of alerts has it."""
        found: list[dict[str, Any]] = self._daemon.get("/api/v1/alerts")
        return max(found, key=lambda one: str(one["starts_at"]), default={})


def test_an_alert_that_flaps_is_told_once_and_once_more_when_it_is_calm(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path
) -> None:
    with http_receiver() as http:
        people = tmp_path / "people.url"
        people.write_text(http.apprise_url, encoding="utf-8")
        notifications = {
            "receivers": [{"name": "people", "url": {"file": str(people)}, "language": "both"}],
            "cooldown_seconds": NO_COOLDOWN,
            "escalation": [{"name": "urgent", "priorities": ["P0"], "steps": [["people"]]}],
            "response_seconds": {"P0": 2},
        }
        settings = {"notifications": notifications, "flapping": FLAPPING}
        daemon = DaemonProcess(tmp_path, postgresql_cluster, settings)
        flapper = Flapper(daemon)
        with daemon.running():
            daemon.wait_for_database()
            told = 0
            for _ in range(2):  # told one by one, as any other alert
                for change in (flapper.fire, flapper.end):
                    change()
                    told += 1
                    wait_for(lambda: len(http.requests) >= told)  # noqa: B023 - waited for at once
            flapper.fire()
            wait_for(lambda: len(http.requests) == 5)
            assert http.titles()[4] == "[P0] FLAPPING 反复触发: Comes"
            for expected in (
                "begun to fire 3 times since",
                "已触发 3 次",
                "cmctl alerts ack ",
                "Every change: cmctl alerts",
            ):
                assert expected in http.messages()[4]
            flapper.end()
            daemon.wait_until_moved()
            daemon.kill()
            daemon.start()
            daemon.wait_for_database()
            for _ in range(5):
                flapper.fire()
                flapper.end()
            wait_for(lambda: flapper.shown().get("flapping_fires") == 8)
            wait_for(lambda: daemon.metric("cmctl_alerts_flapping") == 1)
            listed = daemon.cmctl("alerts", "list")
            assert "resolved (flaps)" in listed.stdout
            fingerprint = flapper.shown()["fingerprint"]
            assert ", 8 times" in daemon.cmctl("alerts", "show", fingerprint).stdout
            wait_for(lambda: any("ESCALATION" in title for title in http.titles()))
            flapper.fire()  # and stays
            wait_for(lambda: any("CALM" in title for title in http.titles()), timeout_seconds=60)
            (calm,) = [message for message in http.messages() if "It flaps no more" in message]
            assert "It had begun to fire 9 times since" in calm
            wait_for(lambda: daemon.metric("cmctl_alerts_flapping") == 0)
            assert flapper.shown()["flapping_since"] is None
            assert [title for title in http.titles()[5:] if "ESCALATION" not in title] == [
                "[P0] CALM, STILL FIRING 已平稳，仍在告警: Comes"
            ]
            escalated = [title for title in http.titles() if "ESCALATION" in title]
            assert escalated == ["ESCALATION 升级 1/1: [P0] FLAPPING 反复触发: Comes"]
            history = json.loads(daemon.cmctl("alerts", "show", fingerprint, "-o", "json").stdout)["history"]
            assert [change["state"] for change in history].count("firing") == 9
            flapper.end()
            wait_for(lambda: http.titles()[-1] == "[P0] RESOLVED 已恢复: Comes")
