"""Remedies on a real embedded stack: a component is restarted by its service manager, a dry run restarts none, and what
a kill interrupts is not begun again by the daemon that the supervisor starts."""

import json
import os
import signal
import urllib.request
from datetime import UTC, datetime
from typing import Any

import psutil

from tests.support.stack import EmbeddedStack, wait_until

LIMITS = {"wait_seconds": 0, "cooldown_seconds": 1, "max_attempts": 1}
QUICK = {"service": "node_exporter", **LIMITS}
WATCHES = {"command": ["logs", "show", "--follow"], **LIMITS}
REMEDIES = [
    {"name": "only_said", "matchers": ["alertname=RemedyOnlySaid"], **QUICK, "dry_run": True},
    {"name": "endless", "matchers": ["alertname=RemedyEndless"], **WATCHES, "dry_run": False},
    {"name": "restarts", "matchers": ["alertname=RemedyRestarts"], **QUICK, "dry_run": False},
]


def post(stack: EmbeddedStack, name: str, started_at: str) -> None:
    """Tell of an alert that opens no incident."""
    labels = {"alertname": name, "severity": "info", "priority": "P3"}
    alert = {"status": "firing", "labels": labels, "startsAt": started_at}
    body = json.dumps({"version": "4", "alerts": [alert]}).encode()
    urllib.request.urlopen(stack.url("controlplane", "/webhook"), body, timeout=10).close()


def attempts(stack: EmbeddedStack, remedy: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(stack.url("controlplane", "/api/v1/remediations"), timeout=10) as answer:
        return [one for one in json.load(answer) if one["remedy"] == remedy]


def listening(stack: EmbeddedStack) -> int | None:
    try:
        return stack.pid("node_exporter")
    except (AssertionError, psutil.Error):
        return None  # not there yet, or a process came and went while they were looked at


def answering(stack: EmbeddedStack) -> int | None:
    """Process of the control plane while its store answers, too."""
    try:
        attempts(stack, "endless")
        return stack.pid("controlplane")
    except (OSError, AssertionError, psutil.Error):
        return None


def test_a_remedy_restarts_a_component_and_a_dry_run_does_not(own_stack: EmbeddedStack) -> None:
    stack = own_stack
    stack.configure({"remediation": {"enabled": True, "remedies": REMEDIES}})
    stack.up()
    started_at = datetime.now(UTC).isoformat()
    before = wait_until(lambda: listening(stack), what="node_exporter")
    names = {"said": "RemedyOnlySaid", "restarted": "RemedyRestarts"}
    post(stack, names["said"], started_at)
    wait_until(lambda: attempts(stack, "only_said"), what="the dry run")
    assert [(one["outcome"], one["detail"]) for one in attempts(stack, "only_said")] == [
        ("would_run", "dry run: would restart node_exporter")
    ]
    assert listening(stack) == before
    post(stack, names["restarted"], started_at)
    wait_until(lambda: [one for one in attempts(stack, "restarts") if one["finished_at"]], what="the restart")
    (restarted,) = attempts(stack, "restarts")
    assert (restarted["outcome"], restarted["detail"]) == ("succeeded", "node_exporter was restarted")
    assert wait_until(lambda: listening(stack), what="node_exporter") != before
    killed = stack.pid("controlplane")
    post(stack, "RemedyEndless", started_at)
    wait_until(lambda: attempts(stack, "endless"), what="a remedy that does not end")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: answering(stack) not in (None, killed), what="the daemon that the supervisor starts")
    wait_until(lambda: [one for one in attempts(stack, "endless") if one["finished_at"]], what="the end of the remedy")
    assert [one["outcome"] for one in attempts(stack, "endless")] == ["interrupted"]
    listed = stack.json("remediation", "list")
    assert {one["remedy"]: one["alert"] for one in listed} == {
        "only_said": names["said"],
        "restarts": names["restarted"],
        "endless": "RemedyEndless",
    }
