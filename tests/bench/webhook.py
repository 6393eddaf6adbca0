"""How fast the webhook takes alerts, each durable before the answer, against a bare aiohttp handler.

The two are measured in turn, several rounds, and the medians compared: ratios
travel between machines, absolute numbers do not. PostgreSQL runs with fsync on
and takes the alerts meanwhile.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.bench.load import LoadResult, post_load
from tests.support.daemon import DaemonProcess
from tests.support.postgresql import PostgresqlCluster, free_port

ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 16
GROUP = 500
GROUP_CONNECTIONS = 4
SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def alert(number: int) -> dict[str, Any]:
    """An alert as Prometheus' rules make them, about 500 bytes."""
    return {
        "status": "firing",
        "labels": {
            "alertname": "InstanceDown",
            "instance": f"host-{number}.example.org:9100",
            "job": "node",
            "severity": "critical",
        },
        "annotations": {
            "summary": "The instance does not answer",
            "description": "Prometheus could not scrape it for one minute; look at the machine first.",
            "runbook_url": "http://127.0.0.1:8081/docs/runbook#instancedown",
        },
        "startsAt": "2025-01-01T00:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        "fingerprint": f"{number:016x}",
    }


def payload(numbers: range) -> bytes:
    """A version 4 payload with one alert a number."""
    message = {
        "version": "4",
        "groupKey": '{}:{alertname="InstanceDown"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "controlplane",
        "groupLabels": {"alertname": "InstanceDown"},
        "commonLabels": {"alertname": "InstanceDown"},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [alert(number) for number in numbers],
    }
    return json.dumps(message).encode("utf-8")


def single_payloads(first: int) -> Callable[[], bytes]:
    """Payloads of one alert each, all different, made as cheaply as possible."""
    marker = f"{0xABCDEF0123456789:016x}".encode("ascii")
    before, after = payload(range(0xABCDEF0123456789, 0xABCDEF0123456789 + 1)).split(marker)
    numbers = count(first)
    return lambda: before + b"%016x" % next(numbers) + after


def group_payloads(first: int) -> Callable[[], bytes]:
    """Payloads of GROUP alerts each, all different; made beforehand."""
    bodies = [payload(range(first + i * GROUP, first + (i + 1) * GROUP)) for i in range(40)]
    numbers = count()

    def next_body() -> bytes:
        number = next(numbers)
        return bodies[number % len(bodies)].replace(b'"fingerprint": "00', b'"fingerprint": "%02x' % (number // 40))

    return next_body


@contextmanager
def bare_server() -> Iterator[int]:
    """The baseline in a process of its own; yields its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.bare_server", str(port)])
    try:
        asyncio.run(_wait_for_port(port))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


async def _wait_for_port(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return


def run() -> dict[str, Any]:
    """Measure; returns medians, the ratio to the baseline, and the settings."""
    with ExitStack() as stack:
        cluster = PostgresqlCluster(SAFE)
        stack.callback(cluster.remove)
        cluster.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claude-memory-bench-")))
        daemon = stack.enter_context(DaemonProcess(folder, cluster).running())
        bare_port = stack.enter_context(bare_server())
        single = _compare(daemon.port, bare_port)
        groups = _measure_groups(daemon.port)
        lag = _wait_until_moved(daemon)
        return {**single, **groups, "moved_seconds_after": lag, "resident_mb": daemon.resident_mb()}


def _post(port: int, next_body: Callable[[], bytes], connections: int) -> LoadResult:
    result = asyncio.run(post_load("127.0.0.1", port, "/webhook", next_body, connections, SECONDS))
    if result.refused:
        raise RuntimeError(f"{result.refused} of {len(result.latencies)} requests were refused")
    return result


def _compare(daemon_port: int, bare_port: int) -> dict[str, Any]:
    ratios, rates, bare_rates, slowest = [], [], [], []
    for number in range(ROUNDS):
        bare = _post(bare_port, single_payloads(1), CONNECTIONS)
        ours = _post(daemon_port, single_payloads((number + 1) << 40), CONNECTIONS)
        ratios.append(ours.per_second / bare.per_second)
        rates.append(ours.per_second)
        bare_rates.append(bare.per_second)
        slowest.append(ours.percentile(0.99))
    return {
        "connections": CONNECTIONS,
        "single_per_second": round(statistics.median(rates)),
        "bare_per_second": round(statistics.median(bare_rates)),
        "single_ratio": round(statistics.median(ratios), 3),
        "single_p99_ms": round(statistics.median(slowest) * 1000, 1),
    }


def _measure_groups(port: int) -> dict[str, Any]:
    rates = []
    for number in range(ROUNDS):
        result = _post(port, group_payloads((number + 1) << 24), GROUP_CONNECTIONS)
        rates.append(result.per_second * GROUP)
    alone = _post(port, group_payloads(1 << 30), 1)
    return {
        "group_size": GROUP,
        "group_alerts_per_second": round(statistics.median(rates)),
        "one_group_p50_ms": round(alone.percentile(0.5) * 1000, 1),
        "one_group_p99_ms": round(alone.percentile(0.99) * 1000, 1),
    }


def _wait_until_moved(daemon: DaemonProcess) -> float:
    """Seconds from the end of the load until PostgreSQL has everything."""
    started = time.perf_counter()
    daemon.wait_until_moved(timeout_seconds=600)
    return round(time.perf_counter() - started, 1)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
