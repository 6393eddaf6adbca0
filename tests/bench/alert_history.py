"""How fast alerts are listed and shown by the daemon with a million of them stored, against a bare look at PostgreSQL.

The million goes in as rows, not through the webhook: the storm is another benchmark.
"""

import http.client
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from tests.support.daemon import DaemonProcess
from tests.support.postgresql import PostgresqlCluster

ONLY_WHEN_NAMED = True  # takes minutes to fill
STORED = 1_000_000
FIRING = 1_000
ROUNDS = 30
GOAL_MS = 50
FILL = """
INSERT INTO alerts (fingerprint, starts_at, name, state, severity, priority, ends_at, received_at, first_received_at,
    firing_seen_at, resolved_seen_at, labels, annotations, generator_url, receiver, group_key, notifications,
    end_reason)
SELECT to_hex(number), moment, 'Alert' || number %% 50, CASE WHEN fires THEN 'firing' ELSE 'resolved' END,
    (ARRAY['critical', 'error', 'warning', 'info'])[number %% 4 + 1], 'P' || number %% 4,
    CASE WHEN fires THEN NULL ELSE moment + interval '5 minutes' END, moment + interval '6 minutes', moment, moment,
    CASE WHEN fires THEN NULL ELSE moment + interval '6 minutes' END,
    jsonb_build_object('alertname', 'Alert' || number %% 50, 'instance', 'host-' || number %% 10000, 'job', 'node',
        'severity', (ARRAY['critical', 'error', 'warning', 'info'])[number %% 4 + 1]),
    jsonb_build_object('summary', 'The instance does not answer', 'description', repeat('what to do ', 20)),
    '', 'controlplane', '{}', 2, CASE WHEN fires THEN NULL ELSE 'notified' END
FROM (
    SELECT number, now() - number * interval '30 seconds' AS moment, number <= %(firing)s AS fires
    FROM generate_series(1, %(stored)s) AS number
) AS made;
"""
HISTORY = """
INSERT INTO alert_states (alert_id, state, at, received_at)
SELECT id, 'firing', starts_at, first_received_at FROM alerts
UNION ALL SELECT id, 'resolved', ends_at, received_at FROM alerts WHERE state = 'resolved'
"""
QUESTIONS = {
    "list_newest_50": "/api/v1/alerts?limit=50",
    "list_firing": "/api/v1/alerts?state=firing&limit=50",
    "list_critical_of_a_day": "/api/v1/alerts?severity=critical&since=24h&limit=50",
    "list_by_label": "/api/v1/alerts?label=instance%3Dhost-77&limit=50",
    "show_one": f"/api/v1/alerts/{500_000:x}",
}


def run() -> dict[str, Any]:
    """Milliseconds of each question through HTTP: median and 99th percentile (the slowest of 30)."""
    with ExitStack() as stack:
        cluster = PostgresqlCluster()
        stack.callback(cluster.remove)
        cluster.start()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="claude-memory-bench-")))
        daemon = stack.enter_context(DaemonProcess(folder, cluster).running())
        daemon.wait_for_database()
        database = cluster.conninfo(daemon.database["controlplane_database"])
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(FILL, {"stored": STORED, "firing": FIRING})
            connection.execute(HISTORY)
            connection.execute("VACUUM ANALYZE")
            bare = _milliseconds(lambda: connection.execute("SELECT 1").fetchone())
        figures: dict[str, Any] = {"stored": STORED, "firing": FIRING, "goal_ms": GOAL_MS, "bare_question_ms": bare[0]}
        asking = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
        for name, path in QUESTIONS.items():
            figures[f"{name}_ms"], figures[f"{name}_slowest_ms"] = _milliseconds(lambda: _ask(asking, path))  # noqa: B023
        asking.close()
        return {**figures, "resident_mb": daemon.resident_mb()}


def _ask(connection: http.client.HTTPConnection, path: str) -> None:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200 or body == b"[]":
        raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")


def _milliseconds(question: Any) -> tuple[float, float]:
    """Median and slowest of many times, after one to warm up."""
    question()
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        question()
        taken.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(taken), 1), round(max(taken), 1)


if __name__ == "__main__":
    sys.stdout.write(str(run()) + "\n")
