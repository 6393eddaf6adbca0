"""An alert's whole way on the real stack: a part dies, Prometheus fires, the alert is kept, logged and resolved."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import psycopg
import pytest

from tests.support.rules import alert_rules
from tests.support.stack import EmbeddedStack, wait_until

# Shortened by configuration alone. A busy machine may miss single scrapes: nothing here counts on it not doing so.
SETTINGS: dict[str, Any] = {
    # After a reload Prometheus sends nothing for up to five seconds (prometheus/prometheus#13064); what ends just then
    # is over for Alertmanager only four resend delays later.
    "prometheus": {
        "scrape_interval_seconds": 1,
        "evaluation_interval_seconds": 1,
        "alert_resend_delay_seconds": 2,
    },
    "alert_rules": {"for_scale": 0.05},
    "alertmanager": {"group_wait_seconds": 1, "group_interval_seconds": 1},
}
Episodes = dict[str, list[str]]


@pytest.fixture(scope="module")
def stack() -> Iterator[EmbeddedStack]:
    stack = EmbeddedStack(SETTINGS)
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


def prometheus_state(stack: EmbeddedStack, name: str) -> str | None:
    """State of an alert in Prometheus: pending, firing, or None when it is inactive."""
    with urllib.request.urlopen(stack.url("prometheus", "/api/v1/alerts"), timeout=10) as response:
        alerts = json.load(response)["data"]["alerts"]
    return next((alert["state"] for alert in alerts if alert["labels"]["alertname"] == name), None)


def alertmanager_state(stack: EmbeddedStack, name: str) -> str | None:
    """State of an alert in Alertmanager: active, suppressed, or None when it does not have it."""
    with urllib.request.urlopen(stack.url("alertmanager", "/api/v2/alerts"), timeout=10) as response:
        alerts = json.load(response)
    return next((alert["status"]["state"] for alert in alerts if alert["labels"]["alertname"] == name), None)


def kept(stack: EmbeddedStack, name: str, state: str) -> dict[str, Any] | None:
    """The newest alert of this name in this state, as `cmctl alerts list` tells it."""
    found = [alert for alert in stack.json("alerts", "list") if alert["name"] == name and alert["state"] == state]
    return max(found, key=lambda alert: str(alert["starts_at"])) if found else None


def logged(stack: EmbeddedStack, name: str) -> Episodes:
    """What alerts.log says of an alert: its states in the order of the lines, for each start."""
    log = stack.data_dir / "log" / "alerts.log"
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
    episodes: Episodes = {}
    for entry in entries:
        if entry["name"] == name:
            episodes.setdefault(entry["starts_at"], []).append(entry["state"])
    return episodes


def stored(stack: EmbeddedStack, name: str) -> Episodes:
    """What PostgreSQL keeps of an alert: its states in the order of time, for each start."""
    with psycopg.connect(
        host="127.0.0.1",
        port=stack.port("postgresql"),
        dbname="claude_memory_controlplane",
        user="claude_memory_controlplane",
        password=stack.secret("postgresql_controlplane_password"),
    ) as connection:
        rows = connection.execute(
            "SELECT starts_at, alert_states.state FROM alerts JOIN alert_states ON alert_id = alerts.id"
            " WHERE name = %s ORDER BY alert_states.at, alert_states.state",
            (name,),
        ).fetchall()
    episodes: Episodes = {}
    for starts_at, state in rows:
        key = starts_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        episodes.setdefault(key, []).append(state)
    return episodes


def is_over_everywhere(stack: EmbeddedStack, name: str) -> bool:
    """Whether every episode was logged and stored exactly once, from firing to resolved, and the same ones."""
    in_log, in_database = logged(stack, name), stored(stack, name)
    return in_log == in_database and all(states == ["firing", "resolved"] for states in in_log.values())


def kill(stack: EmbeddedStack, component: str) -> None:
    """SIGKILL to the real process, and keep the supervisor from starting it again."""
    os.kill(stack.pid(component), signal.SIGKILL)
    stack.down(component)


def await_firing(stack: EmbeddedStack, name: str) -> dict[str, Any]:
    """Wait until Prometheus fires and the control plane has it; returns what `cmctl alerts list` says."""
    wait_until(lambda: prometheus_state(stack, name) == "firing", what=f"{name} firing in Prometheus")
    alert: dict[str, Any] = wait_until(lambda: kept(stack, name, "firing"), what=f"{name} in cmctl alerts list")
    assert logged(stack, name)[alert["starts_at"]] == ["firing"]
    return alert


def await_resolved(stack: EmbeddedStack, name: str, starts_at: str) -> None:
    """Wait until the alert is over in Prometheus, logged and stored, and nothing fires in `cmctl alerts list`."""
    wait_until(lambda: prometheus_state(stack, name) is None, what=f"{name} inactive in Prometheus")
    wait_until(lambda: is_over_everywhere(stack, name), what=f"{name} resolved in the log and in PostgreSQL")
    assert starts_at in stored(stack, name)
    assert kept(stack, name, "firing") is None
    resolved = kept(stack, name, "resolved")
    assert resolved is not None
    assert resolved["ends_at"] > resolved["starts_at"]


def test_the_memory_server_dies_and_comes_back(stack: EmbeddedStack) -> None:
    name = "ClaudeMemoryMCPDown"
    kill(stack, "mcp_server")
    firing = await_firing(stack, name)

    assert (firing["severity"], firing["priority"]) == ("critical", "P0")
    assert firing["ends_at"] is None
    assert firing["labels"]["job"] == "claude-memory-mcp"
    assert firing["annotations"]["runbook_url"] == stack.url("controlplane", "/docs/runbook#claudememorymcpdown")
    status = stack.json("status")
    assert status["state"] == "CRITICAL"

    stack.up("mcp_server")
    await_resolved(stack, name, firing["starts_at"])


def test_the_alert_about_postgresql_is_kept_although_postgresql_is_down(stack: EmbeddedStack) -> None:
    name = "ClaudeMemoryPostgresDown"
    kill(stack, "postgresql")
    firing = await_firing(stack, name)

    assert (firing["severity"], firing["priority"]) == ("critical", "P0")
    assert any((stack.data_dir / "journal").glob("*.journal"))

    stack.up("postgresql")
    await_resolved(stack, name, firing["starts_at"])


def test_a_lower_disk_threshold_fires_and_the_old_one_resolves(stack: EmbeddedStack) -> None:
    name = "ClaudeMemoryDiskUsageHigh"
    stack.configure({**SETTINGS, "thresholds": {"disk_used_percent": {"warning": 0, "critical": 100}}})
    stack.up()
    firing = await_firing(stack, name)

    assert (firing["severity"], firing["priority"]) == ("warning", "P2")
    assert firing["labels"]["mountpoint"]
    stack.configure(SETTINGS)
    stack.up()
    await_resolved(stack, name, firing["starts_at"])


def test_the_warning_is_muted_while_the_critical_alert_of_its_resource_fires(stack: EmbeddedStack) -> None:
    warning, critical = "ClaudeMemoryMemoryUsageHigh", "ClaudeMemoryMemoryUsageCritical"
    stack.configure({**SETTINGS, "thresholds": {"memory_used_percent": {"warning": 0, "critical": 0}}})
    stack.up()
    await_firing(stack, critical)

    wait_until(lambda: prometheus_state(stack, warning) == "firing", what=f"{warning} firing in Prometheus")
    wait_until(lambda: alertmanager_state(stack, warning) == "suppressed", what=f"{warning} muted in Alertmanager")
    assert alertmanager_state(stack, critical) == "active"

    stack.configure(SETTINGS)
    stack.up()
    wait_until(lambda: prometheus_state(stack, critical) is None, what=f"{critical} inactive in Prometheus")


def test_every_loaded_rule_is_healthy_and_points_into_the_served_runbook(stack: EmbeddedStack) -> None:
    with urllib.request.urlopen(stack.url("prometheus", "/api/v1/rules"), timeout=10) as response:
        groups = json.load(response)["data"]["groups"]
    loaded = {rule["name"]: rule for group in groups for rule in group["rules"] if rule["type"] == "alerting"}

    assert set(alert_rules()) <= set(loaded)
    assert {name: rule.get("lastError") for name, rule in loaded.items() if rule["health"] == "err"} == {}
    base = stack.url("controlplane", "/docs/runbook")
    for name in alert_rules():
        assert loaded[name]["annotations"]["runbook_url"] == f"{base}#{name.lower()}"
