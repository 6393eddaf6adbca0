"""Two daemons started on one store: one works, the other waits and takes over; nothing is lost or told twice."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster
from tests.support.receivers import HttpReceiver, http_receiver


@dataclass
class Pair:
    """Two daemons with a data directory each, one database, and one receiver that both tell."""

    first: DaemonProcess
    second: DaemonProcess
    receiver: HttpReceiver
    cluster: PostgresqlCluster

    def start(self) -> None:
        """The first is active, the second on standby."""
        self.first.start()
        self.first.wait_for_role("active")
        self.second.start()
        self.second.wait_for_role("standby")

    def told(self, name: str) -> int:
        """How many messages there were about an alert."""
        return sum(name in text for text in self.receiver.messages())


@pytest.fixture
def pair(own_postgresql: PostgresqlCluster, tmp_path: Path) -> Iterator[Pair]:
    """Two daemons that are not started; killed after the test."""
    with http_receiver() as receiver:
        url = tmp_path / "receiver.url"
        url.write_text(receiver.apprise_url, encoding="utf-8")
        settings = {"notifications": {"receivers": [{"name": "chat", "url": {"file": str(url)}}]}}
        first = DaemonProcess(tmp_path / "first", own_postgresql, settings)
        second = DaemonProcess(tmp_path / "second", own_postgresql, settings, beside=first)
        yield Pair(first, second, receiver, own_postgresql)
        for one in (first, second):
            if one.process is not None:
                one.process.send_signal(signal.SIGCONT)
            one.kill()


def message(name: str) -> dict[str, Any]:
    labels = {"alertname": name, "severity": "critical", "instance": "db:9100"}
    return {
        "version": "4",
        "alerts": [{"status": "firing", "labels": labels, "startsAt": datetime.now(UTC).isoformat()}],
    }


def post(daemon: DaemonProcess, name: str) -> int:
    """Status of posting an alert."""
    return daemon.post(message(name))[0]


def stored(daemon: DaemonProcess) -> list[str]:
    """Names of the alerts in the store."""
    listed = daemon.cmctl("alerts", "list", "-o", "json")
    assert listed.returncode == 0, listed.stderr
    return sorted(alert["name"] for alert in json.loads(listed.stdout))


def test_the_standby_waits_and_takes_over_after_kill_9(pair: Pair) -> None:
    pair.start()
    status, body, headers = pair.second.request("POST", "/webhook", json.dumps(message("ToStandby")).encode())
    assert (status, headers["Retry-After"]) == (503, "1")
    assert b"is active" in body
    assert pair.second.get("/ready")["ready"] is False
    assert pair.first.get("/ready")["ready"] is True
    metrics = pair.second.get("/metrics")
    assert 'cmctl_role{role="standby"} 1.0' in metrics
    assert "cmctl_check_state{" not in metrics
    refused = pair.second.cmctl("jobs", "run", "retention")
    assert refused.returncode == 4
    assert "on standby: process" in refused.stderr
    screen = pair.second.cmctl("status")
    assert "this control plane is on standby: process" in screen.stdout
    assert pair.second.get("/health")["status"] == "ok"

    assert post(pair.first, "BeforeTheKill") == 200
    # told and recorded: a kill in between would repeat it, marked
    wait_for(lambda: pair.first.get("/api/v1/deliveries?status=delivered"))
    pair.first.kill()
    pair.second.wait_for_role("active")
    assert post(pair.second, "AfterTheKill") == 200
    wait_for(lambda: pair.told("AfterTheKill"))
    assert pair.second.cmctl("jobs", "run", "retention").returncode == 0

    pair.first.start()  # it was active before, and waits now
    pair.first.wait_for_role("standby")
    assert post(pair.first, "ToTheOldOne") == 503
    assert pair.second.stop() == 0
    pair.first.wait_for_role("active")
    assert post(pair.first, "AfterTheHandOver") == 200
    wait_for(lambda: pair.told("AfterTheHandOver"))
    assert stored(pair.first) == ["AfterTheHandOver", "AfterTheKill", "BeforeTheKill"]
    assert [pair.told(name) for name in ("BeforeTheKill", "AfterTheKill", "AfterTheHandOver")] == [1, 1, 1]


def test_one_that_hangs_loses_its_turn_and_knows_it_when_it_wakes_up(pair: Pair) -> None:
    pair.start()
    assert pair.first.process is not None
    pair.first.process.send_signal(signal.SIGSTOP)
    pair.second.wait_for_role("active")
    assert post(pair.second, "WhileItHung") == 200
    wait_for(lambda: pair.told("WhileItHung"))
    pair.first.process.send_signal(signal.SIGCONT)
    pair.first.wait_for_role("standby")
    assert pair.second.role() == "active"
    assert post(pair.second, "AfterItWoke") == 200
    wait_for(lambda: pair.told("AfterItWoke"))
    assert pair.told("WhileItHung") == 1


def test_without_postgresql_both_take_alerts_and_one_is_active_when_it_is_back(pair: Pair) -> None:
    pair.start()
    pair.cluster.kill()
    for one in (pair.first, pair.second):
        one.wait_for_role("unsure")
    assert post(pair.first, "TakenByTheFirst") == 200
    assert post(pair.second, "TakenByTheSecond") == 200
    pair.second.kill()  # its journal carries it
    pair.cluster.start()
    pair.first.wait_for_role("active")
    pair.second.start()
    pair.second.wait_for_role("standby")
    for one in (pair.first, pair.second):
        one.wait_until_moved()
    assert stored(pair.first) == ["TakenByTheFirst", "TakenByTheSecond"]
    wait_for(lambda: pair.told("TakenByTheFirst") and pair.told("TakenByTheSecond"))
    assert pair.second.role() == "standby"
