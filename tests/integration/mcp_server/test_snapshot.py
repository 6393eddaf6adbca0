"""A snapshot of the running server's vectors is a shard of its own with the same vectors."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from backports import tarfile

from mcp_server.adapters.vectors.edge import EdgeVectors
from tests.support.memory_server import PROGRAM, MemoryServer
from tests.support.postgresql import PostgresqlCluster

ORDINARY_TIMEOUT_SECONDS = 5


def command(server: MemoryServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments, "--config", str(server.config_file)], capture_output=True, text=True, check=False
    )


def restored(archive: Path, target: Path) -> EdgeVectors:
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
    return EdgeVectors(target)


@pytest.fixture
def server(postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path) -> Iterator[MemoryServer]:
    server = MemoryServer(tmp_path / "server", postgresql_cluster, memory_database)
    server.start()
    yield server
    server.stop()


async def store(server: MemoryServer, count: int) -> list[str]:
    memories = [{"content": f"memory number {number} of {count}"} for number in range(count)]
    ids: list[str] = (await server.ok("store_batch", memories=memories))["ids"]
    return ids


async def test_what_was_not_written_since_is_not_copied_again(server: MemoryServer, tmp_path: Path) -> None:
    await store(server, 2)
    first = json.loads(command(server, "snapshot", str(tmp_path / "first.tar")).stdout)
    again = command(server, "snapshot", str(tmp_path / "again.tar"), "--unless", first["revision"])
    assert (json.loads(again.stdout), (tmp_path / "again.tar").exists()) == ({"unchanged": True}, False), again.stderr
    await store(server, 3)
    later = json.loads(command(server, "snapshot", str(tmp_path / "later.tar"), "--unless", first["revision"]).stdout)
    assert (later["count"], (tmp_path / "later.tar").exists()) == (5, True)
    server.stop()
    server.start()  # another process may have written meanwhile
    anew = json.loads(command(server, "snapshot", str(tmp_path / "anew.tar"), "--unless", later["revision"]).stdout)
    assert anew["count"] == 5


@pytest.mark.parametrize("is_running", [True, False], ids=["by the running server", "by the command itself"])
async def test_a_snapshot_holds_all_vectors(server: MemoryServer, tmp_path: Path, is_running: bool) -> None:
    await store(server, 20)
    if not is_running:
        server.stop()
    taken = command(server, "snapshot", str(tmp_path / "vectors.tar"))
    assert taken.returncode == 0, taken.stderr
    told = json.loads(taken.stdout)
    vectors = restored(tmp_path / "vectors.tar", tmp_path / "copy")
    found = await vectors.collection()
    assert found is not None
    assert (found.model, str(found.generation)) == (told["model"], told["generation"])
    assert await vectors.count() == told["count"] == 20
    await vectors.close()
    assert not list((tmp_path / "server" / "qdrant" / "copies").glob("*"))


def test_a_snapshot_needs_the_token(server: MemoryServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(urllib.request.Request(f"{server.url}/admin/snapshot", method="POST"), timeout=10)


async def test_reconciling_finds_what_equal_counts_hide(
    server: MemoryServer, tmp_path: Path, postgresql_cluster: PostgresqlCluster, memory_database: str
) -> None:
    first = await store(server, 5)
    server.stop()
    # As after a restore to another moment: one memory is gone and another one there, and no outbox entry tells.
    with psycopg.connect(postgresql_cluster.conninfo(memory_database), autocommit=True) as connection:
        connection.execute("UPDATE memories SET id = gen_random_uuid() WHERE id = %s", (first[0],))
    server.start()
    repaired = command(server, "reconcile")
    assert (repaired.returncode, json.loads(repaired.stdout)) == (0, {"missing": 1, "surplus": 1}), repaired.stderr
    again = command(server, "reconcile")
    assert json.loads(again.stdout)["surplus"] == 0


def test_a_server_that_takes_its_time_is_waited_for(server: MemoryServer, tmp_path: Path) -> None:
    # As on a busy machine with a large shard: the copy takes longer than an ordinary request may.
    with subprocess.Popen(
        [str(PROGRAM), "snapshot", str(tmp_path / "vectors.tar"), "--config", str(server.config_file)]
    ) as snapshot:
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                snapshot.wait(ORDINARY_TIMEOUT_SECONDS + 2)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert snapshot.wait(60) == 0
