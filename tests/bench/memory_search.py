"""Memory server: search over 10,000 real sentences end to end over HTTP, and storing in batches.

Goals: search 10 ms at the median and 50 ms at the 99th percentile, 1,000 memories stored per second. Baselines of the
same run: the same HTTP stack with ``SELECT 1``, and COPY into a table without an index. PostgreSQL keeps its fsync.
"""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.sentences import sentences
from tests.support.memory_server import MemoryServer
from tests.support.postgresql import PostgresqlCluster, free_port

MEMORIES = 10_000
BATCH = 500
QUERIES = 400
WARM_UP = 50
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
HONEST = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def run() -> dict[str, Any]:
    """All figures; durations are milliseconds."""
    texts = sentences(MEMORIES)
    cluster = PostgresqlCluster(HONEST)
    try:
        cluster.start()
        with tempfile.TemporaryDirectory() as folder:
            server = MemoryServer(Path(folder), cluster, cluster.create_database())
            server.start()
            try:
                return {**_store(server, cluster, texts), **_search(server, cluster, texts)}
            finally:
                server.stop()
    finally:
        cluster.remove()


def _store(server: MemoryServer, cluster: PostgresqlCluster, texts: Sequence[str]) -> dict[str, Any]:
    started = time.perf_counter()
    for start in range(0, len(texts), BATCH):
        memories = [{"content": text} for text in texts[start : start + BATCH]]
        result = _call(_connection(server.port), "store_batch", {"memories": memories})
        assert result["created"] == len(memories) and result["indexed"], result
    rate = len(texts) / (time.perf_counter() - started)
    bare = _copy_rate(cluster, texts)
    return {
        "store_per_second": round(rate),
        "store_goal_per_second": 1_000,
        "copy_per_second": round(bare),
        "store_ratio_to_copy": round(rate / bare, 3),
    }


def _copy_rate(cluster: PostgresqlCluster, texts: Sequence[str]) -> float:
    with psycopg.connect(cluster.conninfo(cluster.create_database())) as connection:
        connection.execute("CREATE TABLE bare (content text)")
        connection.commit()
        started = time.perf_counter()
        for start in range(0, len(texts), BATCH):
            with connection.cursor() as cursor, cursor.copy("COPY bare (content) FROM STDIN") as copy:
                for text in texts[start : start + BATCH]:
                    copy.write_row((text,))
            connection.commit()
        return len(texts) / (time.perf_counter() - started)


def _search(server: MemoryServer, cluster: PostgresqlCluster, texts: Sequence[str]) -> dict[str, Any]:
    queries = _queries(texts)
    figures: dict[str, Any] = {"search_memories": len(texts), "search_goal_p50": 10, "search_goal_p99": 50}
    with _baseline(cluster) as port:
        bare = _durations(port, "SELECT 1", [{}] * len(queries))
    for mode in ("hybrid", "keyword", "meaning"):
        seen = _durations(server.port, "search", [{"query": query, "mode": mode} for query in queries])
        figures[f"search_{mode}_p50"] = round(statistics.median(seen), 2)
        figures[f"search_{mode}_p99"] = round(statistics.quantiles(seen, n=100)[98], 2)
    figures["bare_p50"] = round(statistics.median(bare), 2)
    figures["bare_p99"] = round(statistics.quantiles(bare, n=100)[98], 2)
    figures["search_ratio_to_bare_p50"] = round(figures["search_hybrid_p50"] / figures["bare_p50"], 2)
    return figures


def _queries(texts: Sequence[str]) -> list[str]:
    """Five words in a row out of random sentences: some rare, some common."""
    chooser = random.Random(7)
    queries: list[str] = []
    while len(queries) < QUERIES + WARM_UP:
        words = chooser.choice(texts).split()
        start = chooser.randrange(max(1, len(words) - 5))
        queries.append(" ".join(words[start : start + 5]))
    return queries


def _durations(port: int, tool: str, arguments: Sequence[dict[str, Any]]) -> list[float]:
    """Milliseconds of each call after the warm-up, over one kept connection."""
    connection = _connection(port)
    seen: list[float] = []
    for given in arguments:
        started = time.perf_counter()
        _call(connection, tool, given)
        seen.append((time.perf_counter() - started) * 1000)
    connection.close()
    return seen[WARM_UP:]


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def _call(connection: http.client.HTTPConnection, tool: str, arguments: dict[str, Any]) -> Any:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    connection.request("POST", "/mcp", json.dumps(message), HEADERS)
    answer = json.loads(connection.getresponse().read())
    result = answer["result"]
    return result.get("structuredContent") if isinstance(result, dict) else result


@contextmanager
def _baseline(cluster: PostgresqlCluster) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.memory_baseline", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "MEMORY_BASELINE_DATABASE": cluster.conninfo()})
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                _call(_connection(port), "SELECT 1", {})
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()
