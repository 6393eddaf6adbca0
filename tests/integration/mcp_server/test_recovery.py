"""Crashes, lost vectors, another model: PostgreSQL is the truth and everything else follows it."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory_server import PROGRAM, MemoryServer
from tests.support.postgresql import PostgresqlCluster
from tests.support.qdrant_stand_in import QdrantStandIn

TEXTS = [f"memory number {number} about {topic}" for number, topic in enumerate(["tea", "ships", "taxes"] * 20)]


def batch() -> list[dict[str, str]]:
    return [{"content": text} for text in TEXTS]


async def wait_until_indexed(server: MemoryServer, count: int, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        stats = await server.ok("stats")
        if (stats["vectors"], stats["pending_vectors"]) == (count, 0):
            return
        assert time.monotonic() < deadline, stats
        await asyncio.sleep(0.05)


def reindex(server: MemoryServer) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), "reindex", "--config", str(server.config_file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def reindex_on_a_terminal(server: MemoryServer) -> str:
    """Run reindex with a terminal as standard error; returns what it shows there."""
    ours, theirs = os.openpty()
    command = [str(PROGRAM), "reindex", "--config", str(server.config_file)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # Linux says so when the other side is closed
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


def change_model(server: MemoryServer) -> None:
    """Make the stored vectors look as if another model had made them."""
    path = Path(server.configuration["vectors"]["path"]) / "collection.json"
    path.write_text(path.read_text(encoding="utf-8").replace("wordllama/", "older/"), encoding="utf-8")


async def test_a_kill_right_after_storing_loses_neither_memory_nor_vector(memory_server: MemoryServer) -> None:
    stored = await memory_server.ok("store_batch", memories=batch())
    memory_server.kill()
    memory_server.start()
    await wait_until_indexed(memory_server, len(TEXTS))
    found = await memory_server.ok("search", query=TEXTS[7], mode="meaning", limit=5)
    assert stored["ids"][7] in [result["id"] for result in found["results"]]


async def test_deleted_vectors_come_back_by_themselves(memory_server: MemoryServer) -> None:
    await memory_server.ok("store_batch", memories=batch())
    await wait_until_indexed(memory_server, len(TEXTS))
    memory_server.stop()
    (Path(memory_server.configuration["vectors"]["path"]) / "collection.json").unlink()
    memory_server.start()
    await wait_until_indexed(memory_server, len(TEXTS))


async def test_deletions_reach_the_vectors(memory_server: MemoryServer) -> None:
    stored = await memory_server.ok("store_batch", memories=batch())
    await wait_until_indexed(memory_server, len(TEXTS))
    await memory_server.ok("delete", ids=stored["ids"][:50])
    await wait_until_indexed(memory_server, len(TEXTS) - 50)


async def test_another_model_is_said_and_reindex_through_the_server_cures_it(memory_server: MemoryServer) -> None:
    await memory_server.ok("store_batch", memories=batch())
    await wait_until_indexed(memory_server, len(TEXTS))
    memory_server.stop()
    change_model(memory_server)
    memory_server.start()
    found = await memory_server.ok("search", query="ships")
    assert "made by older/" in found["notes"][0] and "reindex" in found["notes"][0]
    assert {tuple(result["matched_by"]) for result in found["results"]} == {("keyword",)}
    error = await memory_server.failure("search", query="ships", mode="meaning")
    assert (error["code"], error["hint"]) == ("embedding_model_mismatch", "run `claude-memory-mcp reindex`")
    status, health = memory_server.health()
    assert status == 503 and health["components"]["embeddings"]["status"] == "down"
    done = reindex(memory_server)
    assert done.returncode == 0, done.stderr
    assert f"{len(TEXTS)} memories indexed" in done.stderr
    assert done.stdout == ""
    assert (await memory_server.ok("search", query="ships"))["notes"] == []
    memory_server.wait_for_health(200)


async def test_reindex_works_without_the_server(memory_server: MemoryServer) -> None:
    await memory_server.ok("store_batch", memories=batch())
    memory_server.stop()
    change_model(memory_server)
    shown = reindex_on_a_terminal(memory_server)
    assert "Indexing memories" in shown and "100%" in shown
    assert f"{len(TEXTS)} memories indexed" in shown
    memory_server.start()
    await wait_until_indexed(memory_server, len(TEXTS))
    assert (await memory_server.ok("search", query="ships"))["notes"] == []


def test_reindex_without_postgresql_says_so(own_postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    server = MemoryServer(tmp_path, own_postgresql, own_postgresql.create_database())
    own_postgresql.stop()
    done = reindex(server)
    assert done.returncode == 4
    assert f"127.0.0.1:{own_postgresql.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named(memory_server: MemoryServer) -> None:
    command = [str(PROGRAM), "serve", "--config", str(memory_server.config_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4
    assert f"port {memory_server.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_configuration_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mcp.yml"
    path.write_text("vectors: {path: /tmp/x}\nlisten: {port: high}\n", encoding="utf-8")
    done = subprocess.run([str(PROGRAM), "serve", "--config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "listen.port" in done.stderr


@pytest.fixture
def qdrant() -> Iterator[QdrantStandIn]:
    stand_in = QdrantStandIn()
    stand_in.start()
    yield stand_in
    stand_in.stop()


async def test_a_qdrant_server_may_go_and_come_back(
    postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path, qdrant: QdrantStandIn
) -> None:
    vectors = {"kind": "server", "url": qdrant.url, "timeout_seconds": 1}
    server = MemoryServer(tmp_path, postgresql_cluster, memory_database, vectors=vectors)
    server.start()
    try:
        server.wait_for_health(200)
        await server.ok("store", content="stored with vectors")
        qdrant.stop()
        body = server.wait_for_health(503)
        assert body["components"]["qdrant"]["status"] == "down"
        assert server.metric("claude_memory_qdrant_up") == 0
        stored = await server.ok("store", content="stored without vectors")
        assert stored["created"] and not stored["indexed"]
        found = await server.ok("search", query="stored")
        assert len(found["results"]) == 2
        assert found["notes"][0].startswith("keyword results only: Qdrant at")
        assert (await server.failure("search", query="stored", mode="meaning"))["code"] == "qdrant_unavailable"
        qdrant.start()
        server.wait_for_health(200)
        await wait_until_indexed(server, 2)
        assert (await server.ok("search", query="stored"))["notes"] == []
    finally:
        server.stop()
    assert qdrant.violations == []
