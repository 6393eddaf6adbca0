"""A latency regression of the memory server becomes an anomaly alert, and ends with it, on the real stack.

The stack is as people run it, with short intervals. Warming up takes 600 samples. Rather than make the test wait for
ten minutes, it measures real traffic first and gives Prometheus a past drawn from those very measurements; the daemon
learns from that past as it would from its own, by range queries. What follows is real. The same stack shows what needs
a past besides: a backtest of a query, forecasts, the report, and what is said when Prometheus is gone.
"""

import html
import json
import math
import os
import random
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.support.stack import EmbeddedStack, wait_until
from tests.support.tools import tool

HISTOGRAM = "claude_memory_request_duration_seconds"
QUERY = f"sum(rate({HISTOGRAM}_sum[5s])) / (sum(rate({HISTOGRAM}_count[5s])) > 0)"
WATCH = {
    "name": "live_latency",
    "query": QUERY,
    "title": "Latency under test",
    "title_zh": "被测延迟",
    "unit": "s",
    "service": "claude-memory-mcp",
}
FILL = {"name": "live_fill", "used": "live_fill_bytes", "limit": "1000", "title": "Tank", "title_zh": "水箱"}
FILL_HOURS = 72
FILL_PER_HOUR = 5.0
DELAY_SECONDS = 3.0
MEASURED_SECONDS = 10
PAST_SECONDS = 1200
BACKTEST = ("anomaly", "backtest", "--promql", QUERY, "--since", f"{PAST_SECONDS}s", "--step", "1")
TOOL = "search"
ARGUMENTS = {"query": "how fast is this"}


def settings(watches: bool) -> dict[str, Any]:
    return {
        "anomaly": {
            "enabled": watches,
            "interval_seconds": 1,
            "resend_seconds": 1,
            "save_interval_seconds": 5,
            "watches": [WATCH],
            "forecasts": [FILL],
            "forecast_interval_seconds": 1,
        }
    }


class Traffic:
    """Tool calls over MCP, about ten a second from eight threads, until it is stopped."""

    def __init__(self, stack: EmbeddedStack) -> None:
        self._url = stack.url("mcp_server", "/mcp")
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(8)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(0.6):
            try:
                self._call()
            except OSError:
                continue  # the server restarts in between

    def _call(self) -> None:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": TOOL, "arguments": ARGUMENTS}}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()


@pytest.fixture
def stack() -> Iterator[EmbeddedStack]:
    made = EmbeddedStack(settings(watches=False))
    try:
        made.up()
        yield made
    finally:
        made.remove()


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:
        body: bytes = response.read()
    return body.decode()


def query(stack: EmbeddedStack, path: str, **form: str) -> list[Any]:
    url = stack.url("prometheus", f"/api/v1/{path}?{urllib.parse.urlencode(form)}")
    with urllib.request.urlopen(url, timeout=10) as response:
        result: list[Any] = json.load(response)["data"]["result"]
    return result


def measured(stack: EmbeddedStack) -> list[float]:
    """Real mean response times of the last seconds, one a second."""
    now = time.time()
    form = {"query": QUERY, "start": f"{now - MEASURED_SECONDS:.3f}", "end": f"{now:.3f}", "step": "1"}
    series = query(stack, "query_range", **form)
    return [float(value) for one in series for _, value in one["values"]]


def give_a_past(stack: EmbeddedStack, means: list[float], end: float) -> None:
    """Counters of the 20 minutes up to ``end``; their means are measured ones, spread as by a busy machine."""
    rng = random.Random(1)
    lines = []
    for part in ("sum", "count"):
        lines.append(f"# TYPE {HISTOGRAM}_{part} unknown")
        rng.seed(1)
        total = 0.0
        for second in range(PAST_SECONDS):
            mean = rng.choice(means) * rng.lognormvariate(0, 0.8)
            total += 10 * mean if part == "sum" else 10
            lines.append(f'{HISTOGRAM}_{part}{{tool="past",outcome="ok"}} {total!r} {end - PAST_SECONDS + second:.3f}')
    lines += ["# TYPE live_fill_bytes gauge", *hours_of_growth(end)]
    samples = stack.folder / "past.om"
    samples.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
    command = [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", samples, stack.data_dir / "prometheus"]
    subprocess.run(command, check=True, capture_output=True)


def hours_of_growth(end: float) -> list[str]:
    """A tank that fills, faster by day than by night, to 400 and a bit of its 1000."""
    last = end // 3600 * 3600
    hours = range(FILL_HOURS)
    levels = [400 - FILL_PER_HOUR * (FILL_HOURS - hour) + 20 * math.sin(2 * math.pi * hour / 24) for hour in hours]
    return [f"live_fill_bytes {levels[hour]!r} {last - 3600 * (FILL_HOURS - 1 - hour):.3f}" for hour in hours]


def alert(stack: EmbeddedStack, state: str) -> dict[str, Any] | None:
    """The newest alert of the watch in this state, as ``cmctl alerts list`` tells it."""
    found = [
        one
        for one in stack.json("alerts", "list")
        if one["name"] == "ClaudeMemoryAnomaly" and one["labels"]["watch"] == WATCH["name"] and one["state"] == state
    ]
    return max(found, key=lambda one: str(one["starts_at"])) if found else None


def series(stack: EmbeddedStack) -> dict[str, Any] | None:
    """The watched series as it is now."""
    rows = [row for row in stack.json("anomaly", "list", "--series") if row["watch"] == WATCH["name"]]
    return rows[0] if rows else None


def is_calm(stack: EmbeddedStack) -> bool:
    now = series(stack)
    return bool(now and now["state"] == "ok" and not stack.json("anomaly", "list", "--open", "--watch", WATCH["name"]))


def delay(stack: EmbeddedStack, seconds: float) -> None:
    """Set the delay in the memory server's configuration and let it read that again."""
    path = stack.data_dir / "etc" / "mcp.yml"
    configuration = yaml.safe_load(path.read_text(encoding="utf-8"))
    configuration["debug_delay_seconds"] = seconds
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    os.kill(stack.pid("mcp_server"), signal.SIGHUP)


def test_an_injected_delay_raises_an_alert_that_ends_with_it(stack: EmbeddedStack) -> None:
    started = time.time()
    with Traffic(stack):
        means = wait_until(lambda: found if len(found := measured(stack)) >= MEASURED_SECONDS - 2 else None, 60)
        stack.down("prometheus")
        give_a_past(stack, means, end=started - 30)
        stack.configure(settings(watches=True))
        stack.up()
        wait_until(lambda: is_calm(stack), 60, "a series that has learnt and is calm")
        delay(stack, DELAY_SECONDS)
        raised = wait_until(lambda: alert(stack, "firing"), 60, "the alert")
        assert raised["severity"] in ("warning", "error") and raised["labels"]["service"] == "claude-memory-mcp"
        assert "被测延迟" in raised["annotations"]["summary_zh"]
        (found,) = stack.json("anomaly", "list", "--open", "--watch", WATCH["name"])
        assert found["id"] == raised["annotations"]["anomaly_id"]
        assert found["worst"] > DELAY_SECONDS / 2 > found["expected"]
        shown = stack.cmctl("anomaly", "show", found["id"])
        assert "◆" in shown.stdout and "░" in shown.stdout, shown.stdout + shown.stderr
        page = read(stack.url("controlplane", f"/anomalies/{found['id']}"))
        assert "<svg" in page and "<polyline" in page and found["reason"] in html.unescape(page)
        the_past_is_judged(stack, started)
        what_fills_is_forecast_and_reported(stack)
        delay(stack, 0)
        wait_until(lambda: alert(stack, "resolved") and not alert(stack, "firing"), 60, "the end of the alert")
        (episode,) = [one for one in stack.json("anomaly", "list") if one["id"] == found["id"]]
        assert (episode["state"], episode["end_reason"]) == ("ended", "back to normal")
    without_prometheus_nothing_is_anomalous(stack)


def the_past_is_judged(stack: EmbeddedStack, started: float) -> None:
    """``backtest --promql`` takes its rows from the same Prometheus; the fault, or the gap before it, would alert."""
    plot = stack.folder / "plot.svg"
    done = stack.cmctl(*BACKTEST, "-o", "json", "--plot", str(plot))
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rows"] > PAST_SECONDS / 2  # where Prometheus was down there are none
    told = [alarm for alarm in report["alarms"] if datetime.fromisoformat(alarm["at"]).timestamp() > started - 30]
    assert told and all(alarm["reason"] for alarm in told), report["alarms"]
    assert plot.read_text(encoding="utf-8").startswith("<svg")


def what_fills_is_forecast_and_reported(stack: EmbeddedStack) -> None:
    """In ``cmctl status``, with an interval about the day that the line gives, and in the report, as the anomaly is."""
    status = wait_until(lambda: text if "FORECASTS" in (text := stack.cmctl("status").stdout) else None, 30)
    (line,) = [row for row in status.splitlines() if row.startswith("Tank")]
    days = 600 / FILL_PER_HOUR / 24
    (found,) = [one for one in stack.json("status")["forecasts"] if one["resource"] == "live_fill"]
    early, expected, late = (
        datetime.fromisoformat(found[name]).timestamp() / 86400 for name in ("early_at", "expected_at", "late_at")
    )
    assert early <= expected <= late and abs(expected - time.time() / 86400 - days) < 1.5, line
    english = stack.cmctl("slo", "report", "--window", "1h", "-o", "html").stdout
    assert "Tank" in english and f"{WATCH['title']}: " in english and 'fill="#2b6cb0"' in english
    chinese = stack.cmctl("slo", "report", "--window", "1h", "--lang", "zh").stdout
    assert "水箱" in chinese and "被测延迟" in chinese


def without_prometheus_nothing_is_anomalous(stack: EmbeddedStack) -> None:
    stack.down("prometheus")
    stopped = datetime.now(UTC)
    gone = wait_until(lambda: now if (now := series(stack)) and now["state"] == "prometheus_gone" else None, 30)
    assert gone["watch"] == WATCH["name"]
    found = stack.json("anomaly", "list")
    assert found and all(datetime.fromisoformat(one["started_at"]) <= stopped for one in found)
