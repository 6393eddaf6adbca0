"""Dashboards and alert rules speak only of metrics that the running stack has."""

import json
import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.rules import ROOT, alert_rules
from tests.support.stack import EmbeddedStack, wait_until

DASHBOARDS = sorted((ROOT / "dashboards").glob("*.json"))
_METRIC = re.compile(r"\b(?:(?:claude_memory|cmctl|node|prometheus|alertmanager|process)_\w+|up\b)")
# Series that exist only once there was something to count.
AFTER_A_TOOL_CALL = {
    "claude_memory_request_duration_seconds_bucket",
    "claude_memory_request_duration_seconds_count",
}
# Needs half a day of history; tests/unit/daemon/test_forecast_metrics.py shows that it is exported then.
AFTER_HALF_A_DAY = {"cmctl_forecast_days_until_full"}
# Need a receiver; tests/acceptance/test_notifications.py shows that they are exported once there is one.
WITH_A_RECEIVER = {"cmctl_deliveries_total", "cmctl_deliveries_open"}
# Need sets, copies and drills; tests/unit/daemon/test_backup_metrics.py shows that they are exported then.
AFTER_DRILLS = {
    "cmctl_backup_drill_due_timestamp_seconds",
    "cmctl_backup_drill_last_passed",
    "cmctl_backup_drill_last_success_timestamp_seconds",
    "cmctl_backup_drill_rpo_seconds",
    "cmctl_backup_drill_rto_seconds",
    "cmctl_backup_copied_timestamp_seconds",
    "cmctl_backup_last_success_timestamp_seconds",
    "cmctl_backup_last_verified_timestamp_seconds",
    "cmctl_backup_size_to_usual",
}
NOT_ON_THE_SHARED_STACK = AFTER_HALF_A_DAY | WITH_A_RECEIVER | AFTER_DRILLS


def metrics_of(expression: str) -> set[str]:
    """Names of metrics in a PromQL expression; label values are left out."""
    return set(_METRIC.findall(re.sub(r'"[^"]*"', '""', expression)))


def load(dashboard: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(dashboard.read_text(encoding="utf-8"))
    return content


def known_metrics(stack: EmbeddedStack) -> set[str]:
    url = stack.url("prometheus", "/api/v1/label/__name__/values")
    with urllib.request.urlopen(url, timeout=10) as response:
        return set(json.load(response)["data"])


def test_the_rules_speak_of_metrics_that_exist(running_stack: EmbeddedStack) -> None:
    wanted = set().union(*(metrics_of(rule["expr"]) for rule in alert_rules().values())) - NOT_ON_THE_SHARED_STACK
    wait_until(lambda: wanted <= known_metrics(running_stack), what=f"{wanted - known_metrics(running_stack)}")


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_the_dashboards_speak_of_metrics_that_exist(running_stack: EmbeddedStack, dashboard: Path) -> None:
    wanted = {
        name
        for panel in load(dashboard)["panels"]
        for target in panel["targets"]
        for name in metrics_of(target["expr"])
    } - NOT_ON_THE_SHARED_STACK
    assert wanted
    if wanted & AFTER_A_TOOL_CALL:
        assert running_stack.cmctl("mcp", "check").returncode == 0
    wait_until(lambda: wanted <= known_metrics(running_stack), what=f"{wanted - known_metrics(running_stack)}")


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_is_accepted_by_prometheus(running_stack: EmbeddedStack, dashboard: Path) -> None:
    for panel in load(dashboard)["panels"]:
        for target in panel["targets"]:
            body = urllib.parse.urlencode({"query": target["expr"]}).encode()
            with urllib.request.urlopen(running_stack.url("prometheus", "/api/v1/query"), body, timeout=10) as response:
                assert json.load(response)["status"] == "success", panel["title"]
