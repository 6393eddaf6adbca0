"""A storm of a million alerts: how much memory the daemon takes on the way, and whether all of them arrive.

Groups of 500 different alerts from four connections; PostgreSQL takes them meanwhile.
"""

import asyncio
import json
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

from tests.bench.load import post_load
from tests.bench.webhook import GROUP, GROUP_CONNECTIONS, SAFE, payload
from tests.support.daemon import DaemonProcess
from tests.support.postgresql import PostgresqlCluster

ONLY_WHEN_NAMED = True  # takes many minutes
STORM = 1_000_000
GOAL_MB = 150
SECONDS_A_STRETCH = 5.0
SAMPLE_SECONDS = 0.25


class Watch(threading.Thread):
    """Resident memory of the daemon, again and again."""

    def __init__(self, daemon: DaemonProcess) -> None:
        super().__init__(daemon=True)
        self._daemon = daemon
        self._done = threading.Event()
        self.samples: list[float] = []

    def run(self) -> None:
        """Sample until stopped."""
        while not self._done.wait(SAMPLE_SECONDS):
            self.samples.append(self._daemon.resident_mb())

    def stop(self) -> None:
        """End the thread."""
        self._done.set()
        self.join()


def run() -> dict[str, Any]:
    """Megabytes at the start, at the end of the storm, at most, and when all is moved; alerts a second."""
    with ExitStack() as stack:
        cluster = PostgresqlCluster(SAFE)
        stack.callback(cluster.remove)
        cluster.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claude-memory-bench-")))
        settings = {"webhook": {"journal_max_mb": 4096}}
        daemon = stack.enter_context(DaemonProcess(folder, cluster, settings).running())
        daemon.wait_for_database()
        before = daemon.resident_mb()
        watch = Watch(daemon)
        watch.start()
        sent, refused, seconds = _storm(daemon.port)
        after = daemon.resident_mb()
        started = time.perf_counter()
        daemon.wait_until_moved(timeout_seconds=3600)
        moved = time.perf_counter() - started
        watch.stop()
        return {
            "alerts": sent,
            "refused_groups": refused,
            "alerts_per_second": round(sent / seconds),
            "resident_mb_before": before,
            "resident_mb_after": after,
            "resident_mb_at_most": max(watch.samples),
            "resident_mb_when_moved": daemon.resident_mb(),
            "goal_mb": GOAL_MB,
            "moved_seconds_after": round(moved, 1),
        }


def _storm(port: int) -> tuple[int, int, float]:
    template = json.loads(payload(range(GROUP)))
    text = json.dumps(template)
    groups = count(1)

    def next_body() -> bytes:
        number = next(groups)
        return text.replace('"fingerprint": "00000000', f'"fingerprint": "{number:08x}').encode()

    answered, refused, seconds = 0, 0, 0.0
    while answered * GROUP < STORM:
        stretch = asyncio.run(post_load("127.0.0.1", port, "/webhook", next_body, GROUP_CONNECTIONS, SECONDS_A_STRETCH))
        answered += len(stretch.latencies) - stretch.refused
        refused += stretch.refused
        seconds += stretch.seconds
    return answered * GROUP, refused, seconds


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
