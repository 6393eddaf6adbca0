"""Recovery sets of a database made with pgbench and many memories: made, made again, restored, and after a loss.

Full size is 3 GB and 100,000 memories, for which it needs some 30 GB of disk; ``BACKUP_BENCH=quick`` or ``middle``
measures the same on a smaller one.
Baselines are PostgreSQL's own programs on the same data in the same run.
"""

import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from tests.bench.backup_baselines import bare_backup, bare_restore
from tests.bench.timing import seconds_of
from tests.support.backups import MEMORY_DATABASE, PARTS, connect, create, value
from tests.support.postgresql import binaries
from tests.support.stack import CMCTL, EmbeddedStack

SIZES = {"quick": (4, 2_000, 10), "middle": (20, 10_000, 10), "full": (200, 100_000, 30)}
SCALE, MEMORIES, LOAD_SECONDS = SIZES[os.environ.get("BACKUP_BENCH", "full")]
ROUNDS = 2
CLIENTS = 2
CONFIRMED = ("--confirm", "data")
_MEMORIES = """
INSERT INTO memories (id, session_id, kind, content, metadata, content_hash, terms, created_at)
SELECT gen_random_uuid(), 'bench', 'note', text, '{}', sha256(text::bytea), to_tsvector('simple', text), now()
FROM (SELECT 'memory ' || n || ' about ' || md5(n::text) || ' and ' || md5((n * 7)::text) AS text
      FROM generate_series(1, %s) AS n) AS texts
"""
# Rows that lie together: of them, and of their index, about one hundredth of the blocks.
_CHANGE = "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid BETWEEN {first} AND {last}"


def run() -> dict[str, Any]:
    """Seconds and ratios. Goals: backup and restore 0.9, incremental 0.1, RPO 10 s, RTO 300 s, foreground 0.85."""
    stack = EmbeddedStack()
    try:
        stack.up(*PARTS)
        _fill(stack)
        size = int(value(stack, "SELECT sum(pg_database_size(oid))::bigint FROM pg_database"))
        made = {"database_mb": round(size / 1e6), "memories": MEMORIES}
        made |= _backups(stack)
        made |= _foreground(stack)
        made |= _restore(stack)
        made |= _loss(stack)
        return made
    finally:
        stack.remove()


def _fill(stack: EmbeddedStack) -> None:
    _pgbench(stack, "--initialize", "--quiet", f"--scale={SCALE}")
    with connect(stack) as connection:
        connection.execute("INSERT INTO sessions (id) VALUES ('bench')")
        connection.execute(_MEMORIES.replace("%s", str(MEMORIES)).encode())
        connection.execute("CREATE TABLE ticks (at timestamptz NOT NULL)")
    command = str(CMCTL.with_name("claude-memory-mcp"))
    subprocess.run([command, "reindex", "--config", str(stack.data_dir / "etc" / "mcp.yml")], check=True)


def _pgbench(stack: EmbeddedStack, *arguments: str) -> str:
    command = [str(binaries() / "pgbench"), "-h", "127.0.0.1", "-p", str(stack.port("postgresql")), "-U", "postgres"]
    environment = {**stack.environment, "PGPASSWORD": stack.secret("postgresql_superuser_password")}
    done = subprocess.run(
        [*command, *arguments, MEMORY_DATABASE], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def _backups(stack: EmbeddedStack) -> dict[str, Any]:
    full: list[float] = []
    bare: dict[str, list[float]] = {"plain": [], "compressed": [], "fastest": []}
    for _ in range(ROUNDS):
        full.append(_seconds(stack, "backup", "create", "--full"))
        _keep_newest(stack)
        for form, taken in bare.items():
            taken.append(bare_backup(stack, form))
    incremental = []
    rows = SCALE * 100_000
    for number in range(2):
        with connect(stack) as connection:
            first = number * rows // 100 + 1
            connection.execute(_CHANGE.format(first=first, last=first + rows // 100 - 1).encode())
        incremental.append(_seconds(stack, "backup", "create"))
    own = statistics.median(full)
    base = {form: statistics.median(taken) for form, taken in bare.items()}
    return {
        "full_seconds": round(own, 2),
        "bare_compressed_seconds": round(base["compressed"], 2),
        "bare_plain_seconds": round(base["plain"], 2),
        "bare_fastest_compression_seconds": round(base["fastest"], 2),
        "full_ratio_to_bare_compressed": round(base["compressed"] / own, 2),
        "full_ratio_to_bare_fastest_compression": round(base["fastest"] / own, 2),
        "second_incremental_seconds": round(incremental[1], 2),
        "second_incremental_ratio_to_full": round(incremental[1] / own, 3),
    }


def _keep_newest(stack: EmbeddedStack) -> None:
    """Each set is as large as the database: what nothing needs any more would fill the disk."""
    for older in sorted((stack.data_dir / "backups" / "sets").iterdir())[:-1]:
        shutil.rmtree(older)


def _seconds(stack: EmbeddedStack, *arguments: str) -> float:
    return seconds_of(stack.command(*arguments), stack.environment)


def _foreground(stack: EmbeddedStack) -> dict[str, Any]:
    before = _rate(stack)
    rates: list[float] = []
    command = stack.command("backup", "create", "--full")
    with subprocess.Popen(command, env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as made:
        while made.poll() is None:
            rates.append(_rate(stack, 5))
    during = statistics.median(rates[:-1] or rates)  # the last one went on after the backup
    without = statistics.mean([before, _rate(stack)])
    return {
        "transactions_per_second": round(without),
        "transactions_per_second_during_backup": round(during),
        "foreground_ratio": round(during / without, 2),
    }


def _rate(stack: EmbeddedStack, seconds: int = LOAD_SECONDS) -> float:
    told = _pgbench(stack, f"--client={CLIENTS}", f"--time={seconds}", "--no-vacuum")
    line = next(line for line in told.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])


def _restore(stack: EmbeddedStack) -> dict[str, Any]:
    create(stack, "--full")
    _keep_newest(stack)
    bare_backup(stack, "compressed")
    own, bare = [], []
    for _ in range(ROUNDS):
        into = stack.folder / "beside"
        own.append(_seconds(stack, "restore", "--only", "postgresql", "--to", str(into)))
        shutil.rmtree(into)
        bare.append(bare_restore(stack))
    return {
        "restore_seconds": round(statistics.median(own), 2),
        "bare_restore_seconds": round(statistics.median(bare), 2),
        "restore_ratio_to_bare": round(statistics.median(bare) / statistics.median(own), 2),
    }


def _loss(stack: EmbeddedStack) -> dict[str, Any]:
    """Under load the machine is lost: the receiver dies first, then everything; nothing but the archive is left."""
    with _ticking(stack) as ticks:
        load = threading.Thread(target=_load_until_lost, args=(stack,))
        load.start()
        time.sleep(LOAD_SECONDS)
        for process in stack.processes():
            if process.name() == "pg_receivewal":
                process.kill()
        stack.kill_everything()
        load.join()
    last_tick = ticks[-1]
    for part in ("postgresql", "qdrant"):
        shutil.rmtree(stack.data_dir / part)
    result = stack.cmctl("restore", *CONFIRMED, "-o", "json", timeout_seconds=1800)
    report = json.loads(result.stdout)
    recovered = value(stack, "SELECT max(at) FROM ticks")
    return {
        "rpo_seconds": round(max(0.0, (last_tick - recovered).total_seconds()), 3),
        "rto_seconds": report["rto_seconds"],
        "rto_with_verifying_seconds": report["total_seconds"],
        "problems": len(report["problems"]),
    }


def _load_until_lost(stack: EmbeddedStack) -> None:
    try:
        _pgbench(stack, f"--client={CLIENTS}", f"--time={LOAD_SECONDS * 10}", "--no-vacuum")
    except subprocess.CalledProcessError:
        return  # the server died under it, as it should


@contextmanager
def _ticking(stack: EmbeddedStack) -> Iterator[list[datetime]]:
    """A clock in the database: each tick is committed before it is noted."""
    ticks: list[datetime] = []

    def tick() -> None:
        try:
            with connect(stack) as connection:
                while True:
                    row = connection.execute("INSERT INTO ticks VALUES (clock_timestamp()) RETURNING at").fetchone()
                    assert row is not None
                    ticks.append(row[0])
                    time.sleep(0.01)
        except psycopg.OperationalError:
            return

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield ticks
    finally:
        thread.join()
