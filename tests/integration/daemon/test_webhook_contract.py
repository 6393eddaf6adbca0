"""What Alertmanager relies on: no redirect, 503 when there is too much, and order by time whatever comes first."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.daemon import DaemonProcess, wait_for

NOON = "2025-07-07T12:00:00Z"
LATER = "2025-07-07T12:10:00Z"
AT_ONCE = 4


@pytest.fixture(scope="module")
def narrow_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that answers few requests at once."""
    settings = {"http": {"max_concurrent_requests": AT_ONCE}}
    with DaemonProcess(tmp_path_factory.mktemp("narrow"), settings=settings).running() as process:
        yield process


def message(name: str, status: str = "firing", **fields: Any) -> dict[str, Any]:
    ended = {"endsAt": LATER} if status == "resolved" else {}
    return {
        "version": "4",
        "alerts": [{"status": status, "labels": {"alertname": name}, "startsAt": NOON, **ended}],
        **fields,
    }


def states(daemon: DaemonProcess, name: str) -> tuple[str, list[str]]:
    """State of an alert, and of its history."""
    daemon.wait_until_moved()
    (found,) = daemon.get(f"/api/v1/alerts?label=alertname%3D{name}")
    history = daemon.get(f"/api/v1/alerts/{found['fingerprint']}")["history"]
    return found["state"], [change["state"] for change in history]


@pytest.mark.parametrize("path", ["/webhook", "/webhook/", "//webhook", "/webhook//", "/Webhook", "/webhook?x=1", "/"])
@pytest.mark.parametrize("with_token", [True, False])
def test_a_post_is_never_redirected(daemon: DaemonProcess, path: str, with_token: bool) -> None:
    headers = {"Authorization": f"Bearer {daemon.token}"} if with_token else {}
    status, _, answer = daemon.request("POST", path, json.dumps(message("Redirected")).encode(), headers)
    assert not 300 <= status < 400
    assert "Location" not in answer


def test_too_much_at_once_is_503_and_never_429(narrow_daemon: DaemonProcess) -> None:
    head = b"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(AT_ONCE):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", narrow_daemon.port), timeout=30))
            slow.sendall(head)  # and no body: it stays there
        body = json.dumps(message("TooMuch")).encode()
        wait_for(lambda: narrow_daemon.request("POST", "/webhook", body)[0] == 503)
        status, _, headers = narrow_daemon.request("POST", "/webhook", body)
        assert (status, headers["Retry-After"]) == (503, "1")
    wait_for(lambda: narrow_daemon.post(message("TooMuch"))[0] == 200)
    assert 'code="429"' not in narrow_daemon.get("/metrics")
    assert narrow_daemon.metric("cmctl_http_overloaded_total") >= 2


def test_alerts_that_alertmanager_left_out_are_counted(daemon: DaemonProcess) -> None:
    before = daemon.metric("cmctl_alerts_truncated_total")
    assert daemon.post(message("Truncated", truncatedAlerts=17))[0] == 200
    assert daemon.metric("cmctl_alerts_truncated_total") == before + 17


def test_the_end_before_the_beginning(daemon: DaemonProcess) -> None:
    for status in ("resolved", "firing", "resolved"):
        assert daemon.post(message("EndFirst", status))[0] == 200
    assert states(daemon, "EndFirst") == ("resolved", ["firing", "resolved"])


def test_late_and_repeated_notifications_change_nothing(daemon: DaemonProcess) -> None:
    for status in ("firing", "firing", "resolved", "resolved", "firing", "resolved"):
        assert daemon.post(message("Repeated", status))[0] == 200
    assert states(daemon, "Repeated") == ("resolved", ["firing", "resolved"])


def test_the_same_alert_twice_in_one_group_and_in_another_is_one(daemon: DaemonProcess) -> None:
    twice = message("Twice", groupKey="{}:{alertname}")
    twice["alerts"] *= 2
    assert daemon.post(twice)[1]["accepted"] == 2
    assert daemon.post(message("Twice", groupKey="{}:{service}", receiver="other"))[1]["accepted"] == 1
    assert states(daemon, "Twice") == ("firing", ["firing"])


def test_megabytes_and_what_postgresql_cannot_store_cost_neither_the_alert_nor_its_neighbours(
    daemon: DaemonProcess,
) -> None:
    group = message("Bulky")
    group["alerts"][0]["annotations"] = {"summary": "x" * 5_000_000}
    group["alerts"] += message("Odd")["alerts"] + message("Plain")["alerts"]
    group["alerts"][1]["annotations"] = {"summary": "a\x00b\ud800c"}
    assert daemon.post(json.dumps(group).encode("ascii")) == (200, {"accepted": 3, "set_aside": []})
    assert [states(daemon, name)[0] for name in ("Bulky", "Odd", "Plain")] == ["firing"] * 3
    (bulky,), (odd,) = [daemon.get(f"/api/v1/alerts?label=alertname%3D{name}") for name in ("Bulky", "Odd")]
    assert odd["annotations"]["summary"] == "a\ufffdb\ufffdc"
    assert bulky["annotations"]["summary"].startswith("xxx")
    assert len(bulky["annotations"]["summary"]) < 20_000
    assert daemon.metric("cmctl_journal_refused_records_total") == 0
