"""From the end of the active daemon to the first alert that its standby takes: killed, and hanging.

Two real daemons on one real PostgreSQL. What is promised is 15 seconds.
"""

import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.webhook import SAFE
from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster

ROUNDS = 3
GOAL_SECONDS = 15.0
ALERT = {"version": "4", "alerts": [{"labels": {"alertname": "TakeOver"}}]}


def run() -> dict[str, Any]:
    """Seconds until the webhook of the standby answers 200: the median and the longest."""
    with ExitStack() as stack:
        cluster = PostgresqlCluster(SAFE)
        stack.callback(cluster.remove)
        cluster.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claude-memory-bench-")))
        active = DaemonProcess(folder / "first", cluster)
        standby = DaemonProcess(folder / "second", cluster, beside=active)
        for one in (active, standby):
            stack.callback(one.kill)
        active.start()
        active.wait_for_role("active")
        taken: dict[str, list[float]] = {"killed": [], "hangs": []}
        for _ in range(ROUNDS):
            for fault, end in (("killed", DaemonProcess.kill), ("hangs", _stop)):
                taken[fault].append(_round(active, standby, end))
                active, standby = standby, active
        return {
            **{f"{fault}_seconds": round(statistics.median(values), 1) for fault, values in taken.items()},
            **{f"{fault}_longest_seconds": round(max(values), 1) for fault, values in taken.items()},
            "goal_seconds": GOAL_SECONDS,
        }


def _round(active: DaemonProcess, standby: DaemonProcess, end: Callable[[DaemonProcess], None]) -> float:
    standby.start()
    standby.wait_for_role("standby")
    began = time.monotonic()
    end(active)
    wait_for(lambda: standby.post(ALERT)[0] == 200)
    seconds = time.monotonic() - began
    active.kill()
    return seconds


def _stop(daemon: DaemonProcess) -> None:
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
