"""Objectives on a whole stack: live soon after its start, right to one scrape interval, maintenance taken out."""

import json
import time
import urllib.request
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from tests.support.stack import EmbeddedStack, wait_until

INTERVAL = 5
# Our own look at the clock and at the server, beside what Prometheus sees.
LOOK = 1
OUTAGE_SECONDS = 20
LIVE_WITHIN_SECONDS = 120
NAME = "mcp-availability"


OWN = """
profile: claude-memory
objectives:
  - name: mcp-availability
    service: claude-memory-mcp
    title: Memory server is reachable
    title_zh: 记忆服务可用性
    indicator: {kind: gauge, gauge: 'up{job="claude-memory-mcp"}'}
    time_window: {rolling: 30d}
    target_percent: 99.9
  - name: scraping-itself
    service: prometheus
    title: Prometheus scrapes itself
    title_zh: Prometheus 自身可用性
    indicator: {kind: gauge, gauge: 'up{job="prometheus"}'}
    time_window: {rolling: 7d}
    target_percent: 99
"""


@pytest.fixture(scope="module")
def stack() -> Any:
    stack = EmbeddedStack(
        {"prometheus": {"scrape_interval_seconds": INTERVAL}, "slo": {"evaluation_interval_seconds": 5}}
    )
    own = stack.data_dir / "etc" / "objectives" / "claude-memory.yml"
    own.parent.mkdir()
    own.write_text(OWN, encoding="utf-8")
    try:
        yield stack
    finally:
        stack.remove()


def status(stack: EmbeddedStack) -> dict[str, Any]:
    """The objective's record; empty while Prometheus does not answer."""
    result = stack.cmctl("slo", "status", "-o", "json")
    records = json.loads(result.stdout) if result.returncode == 0 else []
    return next((record for record in records if record["name"] == NAME), {})


def report(stack: EmbeddedStack) -> dict[str, Any]:
    """The objective in the report over its own window."""
    (found,) = stack.json("slo", "report", "--objective", NAME)["objectives"]
    return dict(found)


def get(stack: EmbeddedStack, component: str, path: str) -> str:
    """A page of a component."""
    with urllib.request.urlopen(stack.url(component, path), timeout=5) as response:
        return str(response.read().decode("utf-8"))


def answers(stack: EmbeddedStack) -> bool:
    """Whether Prometheus could scrape the memory server."""
    try:
        return bool(get(stack, "mcp_server", "/metrics"))
    except OSError:
        return False


def test_status_is_live_within_two_minutes_with_honest_coverage(stack: EmbeddedStack) -> None:
    began = time.monotonic()
    stack.up()
    record = wait_until(
        lambda: (found := status(stack)).get("good") and found,
        LIVE_WITHIN_SECONDS - (time.monotonic() - began),
        "a known part of the objective",
    )
    age = time.monotonic() - began
    assert record["sli"] == 1
    assert 0 < record["known_seconds"] <= age + INTERVAL
    assert record["coverage"] == pytest.approx(record["known_seconds"] / (30 * 86_400), rel=0.01)
    assert record["worst_case"]["sli"] < record["sli"] == record["best_case"]["sli"]
    assert record["verdict"] == "not_enough_data"


def test_the_rules_of_the_users_own_objectives_are_loaded(stack: EmbeddedStack) -> None:
    loaded = get(stack, "prometheus", "/api/v1/rules?type=alert")
    assert "ScrapingItselfBudgetBurn" in loaded
    assert "BackupFreshnessDataAbsent" not in loaded


def test_an_outage_of_a_known_time_is_that_time_to_one_scrape_interval(stack: EmbeddedStack) -> None:
    wait_until(lambda: status(stack)["good"] >= 3 * INTERVAL, what="a good time before the outage")
    pid = next(one["pid"] for one in stack.json("status")["components"] if one["name"] == "mcp_server")
    process = psutil.Process(pid)
    process.suspend()  # it holds its port and answers nobody, and nobody restarts it
    began = time.time()
    try:
        time.sleep(OUTAGE_SECONDS)  # the outage itself: its length is what is measured
    finally:
        process.kill()
    wait_until(lambda: answers(stack), what="the memory server, restarted by its supervisor")
    ended = time.time()
    before = status(stack)["good"]
    record = wait_until(
        lambda: (found := status(stack))["good"] >= before + 2 * INTERVAL and found, what="a good time after it"
    )
    assert record["bad"] == pytest.approx(ended - began, abs=INTERVAL + LOOK)
    assert record["unknown_seconds"] + record["known_seconds"] == pytest.approx(30 * 86_400, abs=INTERVAL)

    # The report says the same, over its losses, in every format.
    reported = report(stack)
    assert reported["bad"] == record["bad"]
    assert (reported["verdict"], reported["unit"]) == (record["verdict"], record["unit"])
    assert sum(one["bad"] for one in reported["losses"]) == record["bad"]
    assert reported["sli"] == pytest.approx(record["sli"], abs=0.2)
    for form, beginning in ((("md", "--lang", "zh"), b"# SLA "), (("html",), b"<!doctype html>"), (("pdf",), b"%PDF-")):
        made = stack.cmctl("slo", "report", "--objective", NAME, "-o", *form, text=False)
        assert (made.returncode, made.stdout[: len(beginning)]) == (0, beginning), made.stderr

    # The daemon says the same, in its API, its metrics and cmctl status.
    told = wait_until(lambda: _told(stack, record["bad"]), what="the evaluation after the outage")
    assert told["sli"] == pytest.approx(record["sli"], abs=0.2)
    metrics = get(stack, "controlplane", "/metrics")
    assert f'cmctl_slo_sli_ratio{{objective="{NAME}"' in metrics
    line = next(one for one in stack.json("status")["objectives"] if one["name"] == NAME)
    assert (line["verdict"], line["sli"] < 1) == (told["verdict"], True)
    assert "OBJECTIVES  " in stack.cmctl("status").stdout

    # Maintenance entered afterwards takes it out, and says that it was entered afterwards.
    edges = (began - INTERVAL, ended + 2 * INTERVAL)
    start, end = (datetime.fromtimestamp(moment, UTC).isoformat() for moment in edges)
    who = ["--author", "ada", "--reason", "a rehearsal", "--service", "claude-memory-mcp"]
    entered = stack.cmctl("maintenance", "add", *who, "--start", start, "--end", end)
    assert entered.returncode == 0, entered.stderr
    excluded = status(stack)
    assert (excluded["bad"], excluded["sli"]) == (0, 1)
    assert excluded["excluded_seconds"] == pytest.approx(ended - began + 3 * INTERVAL, abs=2 * INTERVAL)
    assert [(one["author"], one["planned"]) for one in excluded["exclusions"]] == [("ada", False)]
    reported = report(stack)
    assert (reported["bad"], reported["losses"]) == (0, [])
    assert reported["sli_with_exclusions"] < 1
    assert [one["planned"] for one in reported["exclusions"]] == [False]
    assert excluded["maintenance_after_the_fact_seconds"] == pytest.approx(ended - began + 3 * INTERVAL, abs=0.01)


def _told(stack: EmbeddedStack, bad: float) -> dict[str, Any]:
    records = json.loads(get(stack, "controlplane", "/api/v1/slos"))
    return next((one for one in records if one["name"] == NAME and one["bad"] >= bad), {})
