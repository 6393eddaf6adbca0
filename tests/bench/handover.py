"""From the acceptance of an alert to its message at the channel, at 100 alerts a second: a goal of one second.

The channel is a real HTTP server on loopback that takes everything. A message tells of every alert of its group that
changed since the last; its time counts from the acceptance of the oldest alert in it to the attempt at the channel.
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench.webhook import SAFE
from tests.support.daemon import DaemonProcess
from tests.support.postgresql import PostgresqlCluster
from tests.support.receivers import http_receiver

PER_SECOND = 100
SECONDS = 30
SENDERS = 4
GOAL_SECONDS = 1.0
PAGE = 1000


def run() -> dict[str, Any]:
    """Seconds from acceptance to the channel, of the messages: median, 99th percentile, longest."""
    with ExitStack() as stack:
        receiver = stack.enter_context(http_receiver())
        cluster = PostgresqlCluster(SAFE)
        stack.callback(cluster.remove)
        cluster.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claude-memory-bench-")))
        url = folder / "url"
        url.write_text(receiver.apprise_url, encoding="utf-8")
        chat = {"name": "chat", "url": {"file": str(url)}, "per_minute": 600}
        settings = {"notifications": {"receivers": [chat], "group_by": ["service"]}}
        daemon = stack.enter_context(DaemonProcess(folder / "data", cluster, settings).running())
        daemon.wait_for_role("active")
        daemon.post(_message(0))
        _told(daemon, 1)
        _send(daemon)
        deliveries = _told(daemon, PER_SECOND * SECONDS + 1)
        taken = sorted(_seconds(delivery) for delivery in deliveries)
        return {
            "alerts": sum(delivery["alert_count"] for delivery in deliveries),
            "alerts_per_second": PER_SECOND,
            "messages": len(receiver.requests),
            "p50_seconds": round(statistics.median(taken), 3),
            "p99_seconds": round(taken[int(0.99 * len(taken))], 3),
            "longest_seconds": round(taken[-1], 3),
            "goal_seconds": GOAL_SECONDS,
        }


def _seconds(delivery: dict[str, Any]) -> float:
    began, heard = (datetime.fromisoformat(delivery[name]) for name in ("started_at", "heard_at"))
    return (began - heard).total_seconds()


def _message(number: int) -> dict[str, Any]:
    labels = {"alertname": f"Handover{number}", "severity": "critical", "service": "bench"}
    return {"version": "4", "alerts": [{"status": "firing", "labels": labels}]}


def _send(daemon: DaemonProcess) -> None:
    """Post at the rate from a few threads."""
    started = time.monotonic()

    def work(first: int) -> None:
        for number in range(first, PER_SECOND * SECONDS + 1, SENDERS):
            time.sleep(max(0.0, started + number / PER_SECOND - time.monotonic()))
            daemon.post(_message(number))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(1, SENDERS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _told(daemon: DaemonProcess, alerts: int) -> list[dict[str, Any]]:
    """The deliveries, once they tell of so many alerts. Raises RuntimeError when they do not in time."""
    deadline = time.monotonic() + 120
    while True:
        found: list[dict[str, Any]] = daemon.get(f"/api/v1/deliveries?status=delivered&limit={PAGE}")
        told = sum(delivery["alert_count"] for delivery in found)
        if told >= alerts:
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"{told} of {alerts} alerts were told")
        time.sleep(0.2)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
