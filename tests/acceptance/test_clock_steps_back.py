"""The daemon's clock steps back an hour: alerts are stored, told and escalated, and jobs run, before it catches up."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster
from tests.support.receivers import http_receiver

QUICK_CHECKS = {"checks": {"interval_seconds": 2}}
PROGRAM = Path(__file__).parents[1] / "support" / "stepping_clock.py"


class SteppingDaemon(DaemonProcess):
    """A daemon whose clock can be set back while it runs; PostgreSQL and everybody else keep theirs."""

    def step_back(self, seconds: float) -> None:
        """From now on its clock is behind by so much."""
        (self.data_dir / "behind").write_text(str(seconds), encoding="ascii")

    def command(self, *arguments: str) -> list[str]:
        """``cmctl serve`` reads the stepped clock, every other verb the right one."""
        command = super().command(*arguments)
        if arguments != ("serve",):
            return command
        return [sys.executable, "-P", str(PROGRAM), str(self.data_dir / "behind"), *command[1:]]


def post(daemon: DaemonProcess, name: str, status: str = "firing", starts_at: str = "") -> str:
    """Tell of an alert; returns its start."""
    now = datetime.now(UTC).isoformat()
    labels = {"alertname": name, "severity": "critical"}
    one = {"status": status, "labels": labels, "startsAt": starts_at or now}
    assert daemon.post({"alerts": [one | ({"endsAt": now} if status == "resolved" else {})]})[0] == 200
    return str(one["startsAt"])


def jobs(daemon: DaemonProcess) -> list[datetime]:
    """When health checks were due and ran."""
    runs = daemon.get("/api/v1/jobs/history?task=health_checks")
    return [datetime.fromisoformat(run["scheduled_for"]) for run in runs]


def test_an_hour_back_holds_nothing_up(postgresql_cluster: PostgresqlCluster, tmp_path: Path) -> None:
    with http_receiver() as http:
        url = tmp_path / "people.url"
        url.write_text(http.apprise_url, encoding="utf-8")
        notifications = {
            "receivers": [{"name": "people", "url": {"file": str(url)}, "language": "en"}],
            "escalation": [{"name": "urgent", "priorities": ["P0"], "steps": [["people"]]}],
            "response_seconds": {"P0": 2},
        }
        daemon = SteppingDaemon(tmp_path, postgresql_cluster, {"notifications": notifications, **QUICK_CHECKS})
        daemon.step_back(0)
        with daemon.running():
            daemon.wait_for_database()
            first = post(daemon, "Comes")
            wait_for(lambda: "[P0] FIRING: Comes" in http.titles())
            post(daemon, "Comes", "resolved", first)
            wait_for(lambda: "[P0] RESOLVED: Comes" in http.titles())
            http.status = 503
            post(daemon, "Waits")  # its next attempt is seconds away, by a clock that will not get there for an hour
            wait_for(lambda: "[P0] FIRING: Waits" in http.titles())
            told = len(http.requests)
            right_time = datetime.now(UTC)
            daemon.step_back(3600)
            http.status = 200
            wait_for(lambda: "[P0] FIRING: Waits" in http.titles()[told:])
            post(daemon, "Comes")  # its last message is an hour ahead: no cooldown for an hour
            wait_for(lambda: http.titles().count("[P0] FIRING: Comes") == 2)
            for name in ("Waits", "Comes"):  # one waits since before the step, one since after it
                wait_for(lambda: f"ESCALATION 升级 1/1: [P0] FIRING: {name}" in http.titles())  # noqa: B023 - asked at once
            wait_for(lambda: [run for run in jobs(daemon) if run < right_time - timedelta(minutes=30)])
            daemon.kill()
            daemon.start()
            daemon.wait_for_database()
            post(daemon, "Later")
            wait_for(lambda: "[P0] FIRING: Later" in http.titles())
            assert daemon.run_job("retention").returncode == 0
            listed = json.loads(daemon.cmctl("alerts", "list", "-o", "json").stdout)
            assert sorted((one["name"], one["state"]) for one in listed) == [
                ("Comes", "firing"),
                ("Comes", "resolved"),
                ("Later", "firing"),
                ("Waits", "firing"),
            ]
            history = daemon.get(f"/api/v1/alerts/{listed[0]['fingerprint']}")["history"]
            assert [change["received_at"] for change in history] == sorted(change["received_at"] for change in history)
            assert daemon.cmctl("oncall", "audit").stdout == "no escalation was missed\n"
