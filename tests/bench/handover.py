"""From the acceptance of an alert to its message at the channel, at 100 alerts a second: a goal of one second.

Every alert has a name of its own, so that none shares a message with another; the channel is a real HTTP server on
loopback that takes everything. The time ends when the channel has the request.
"""

import json
import re
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.webhook import SAFE
from tests.support.daemon import DaemonProcess
from tests.support.postgresql import PostgresqlCluster
from tests.support.receivers import HttpReceiver, http_receiver

PER_SECOND = 100
SECONDS = 30
GOAL_SECONDS = 1.0
NUMBER = re.compile(r"Handover(\d+)")


def run() -> dict[str, Any]:
    """Seconds from sending an alert to the first message that names it: median, 99th percentile, longest."""
    with ExitStack() as stack:
        receiver = stack.enter_context(http_receiver())
        cluster = PostgresqlCluster(SAFE)
        stack.callback(cluster.remove)
        cluster.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claude-memory-bench-")))
        url = folder / "url"
        url.write_text(receiver.apprise_url, encoding="utf-8")
        chat = {"name": "chat", "url": {"file": str(url)}, "per_minute": 600, "max_bytes": 100_000}
        settings = {"notifications": {"receivers": [chat], "group_by": ["service"]}}
        daemon = stack.enter_context(DaemonProcess(folder / "data", cluster, settings).running())
        daemon.wait_for_database()
        daemon.post(_message(0))
        _wait_for(receiver, 1)
        sent = _send(daemon)
        _wait_for(receiver, len(sent) + 1)
        heard = _heard(receiver)
        taken = sorted(heard[number] - moment for number, moment in sent.items())
        return {
            "alerts": len(taken),
            "alerts_per_second": PER_SECOND,
            "messages": len(receiver.requests),
            "p50_seconds": round(statistics.median(taken), 3),
            "p99_seconds": round(taken[int(0.99 * len(taken))], 3),
            "longest_seconds": round(taken[-1], 3),
            "goal_seconds": GOAL_SECONDS,
        }


def _message(number: int) -> dict[str, Any]:
    labels = {"alertname": f"Handover{number}", "severity": "critical", "service": "bench"}
    return {"version": "4", "alerts": [{"status": "firing", "labels": labels}]}


def _send(daemon: DaemonProcess) -> dict[int, float]:
    """Post at the rate from a few threads; when each was sent."""
    sent: dict[int, float] = {}
    started = time.time()

    def work(first: int) -> None:
        for number in range(first, PER_SECOND * SECONDS + 1, 4):
            due = started + number / PER_SECOND
            time.sleep(max(0.0, due - time.time()))
            sent[number] = time.time()
            daemon.post(_message(number))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


def _heard(receiver: HttpReceiver) -> dict[int, float]:
    """When a message first named each alert."""
    heard: dict[int, float] = {}
    for arrival, text in zip(list(receiver.arrivals), receiver.messages(), strict=False):
        for number in NUMBER.findall(text):
            heard.setdefault(int(number), arrival)
    return heard


def _wait_for(receiver: HttpReceiver, count: int) -> None:
    deadline = time.monotonic() + 300
    while len(_heard(receiver)) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(_heard(receiver))} of {count} alerts were told")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
