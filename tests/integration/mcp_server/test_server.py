"""The running server, driven with the official MCP client over HTTP."""

import asyncio
import json
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from tests.support.memory_server import TOKEN, MemoryServer
from tests.support.postgresql import PostgresqlCluster

EXPECTED_TOOLS = {"store", "store_batch", "search", "recent", "get", "delete", "stats", "health"}


def contents(answer: dict[str, Any]) -> list[str]:
    return [result["content"] for result in answer["results"]]


@pytest.fixture
def server(shared_server: MemoryServer) -> MemoryServer:
    return shared_server


async def test_tools_are_listed_with_closed_schemas(server: MemoryServer) -> None:
    async with Client(server.mcp_url) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == EXPECTED_TOOLS
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools)
    assert all(tool.output_schema and tool.description for tool in tools)


async def test_a_memory_is_stored_found_read_and_deleted(server: MemoryServer) -> None:
    stored = await server.ok("store", content="The staging database lives on host beta.", metadata={"by": "ann"})
    assert stored["created"] and stored["indexed"]
    found = await server.ok("search", query="where is staging")
    assert found["results"][0]["id"] == stored["id"]
    assert found["notes"] == []
    memory = await server.ok("get", id=stored["id"])
    assert memory["metadata"] == {"by": "ann"}
    assert memory["session"] == "default" and memory["kind"] == "note"
    missing = "00000000-0000-4000-8000-000000000000"
    deleted = await server.ok("delete", ids=[stored["id"], missing])
    assert deleted == {"deleted": [stored["id"]], "missing": [missing]}
    assert (await server.failure("get", id=stored["id"]))["code"] == "not_found"
    assert contents(await server.ok("search", query="where is staging")) == []


@pytest.mark.parametrize(
    ("mode", "query", "expected"),
    [
        pytest.param("keyword", "backup schedule", "The nightly backup runs at three.", id="English words"),
        pytest.param("keyword", "磁盘告警", "磁盘使用率超过百分之九十就会触发告警。", id="Chinese words"),
        pytest.param(
            "meaning", "vehicle for the customer trip", "The car is booked for the client visit.", id="other words"
        ),
        pytest.param("meaning", "硬盘快满了会怎样", "磁盘使用率超过百分之九十就会触发告警。", id="other Chinese words"),
        pytest.param("hybrid", "BACKUPS", "The nightly backup runs at three.", id="case and number"),
    ],
)
async def test_both_languages_by_keyword_and_by_meaning(
    server: MemoryServer, mode: str, query: str, expected: str
) -> None:
    texts = [
        "The nightly backup runs at three.",
        "磁盘使用率超过百分之九十就会触发告警。",
        "The car is booked for the client visit.",
        "下周三下午和设计团队开会。",
        "She prefers tea to coffee.",
    ]
    await server.ok("store_batch", memories=[{"content": text} for text in texts])
    answer = await server.ok("search", query=query, mode=mode)
    assert contents(answer)[0] == expected
    assert answer["results"][0]["matched_by"] == (["keyword", "meaning"] if mode == "hybrid" else [mode])


async def test_the_same_text_is_kept_once_per_session_and_kind(server: MemoryServer) -> None:
    first = await server.ok("store", content="Deploys happen on Tuesdays.")
    again = await server.ok("store", content="Deploys happen on Tuesdays.")
    elsewhere = await server.ok("store", content="Deploys happen on Tuesdays.", session="other")
    assert (again["id"], again["created"]) == (first["id"], False)
    assert elsewhere["created"]
    batch = await server.ok("store_batch", memories=[{"content": "x"}, {"content": "y"}, {"content": "x"}])
    assert batch["created"] == 2
    assert batch["ids"][0] == batch["ids"][2]


async def test_filters_of_search_and_recent(server: MemoryServer) -> None:
    await server.ok("store", content="alpha release notes", session="a", kind="note")
    await server.ok("store", content="alpha release date", session="a", kind="fact")
    middle = datetime.now(UTC).isoformat()
    await server.ok("store", content="alpha release party", session="b", kind="fact")
    for tool, extra in (("search", {"query": "alpha release"}), ("recent", {})):
        arguments: dict[str, Any] = extra
        assert set(contents(await server.ok(tool, session="b", **arguments))) == {"alpha release party"}
        by_kind = await server.ok(tool, kind="fact", **arguments)
        assert set(contents(by_kind)) == {"alpha release date", "alpha release party"}
        assert set(contents(await server.ok(tool, since=middle, **arguments))) == {"alpha release party"}
        before = await server.ok(tool, until=middle, session="a", kind="note", **arguments)
        assert contents(before) == ["alpha release notes"]
    assert contents(await server.ok("recent", limit=1)) == ["alpha release party"]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        pytest.param("store", {}, "content", id="nothing"),
        pytest.param("store", {"content": "  \n "}, "content", id="blank"),
        pytest.param("store", {"content": "a\x00b"}, "content", id="NUL"),
        pytest.param("store", {"content": "x" * 32_001}, "content", id="too long"),
        pytest.param("store", {"content": 7}, "content", id="not a string"),
        pytest.param("store", {"content": "x", "sesion": "typo"}, "sesion", id="unknown argument"),
        pytest.param("store", {"content": "x", "session": "a\nb"}, "session", id="control character"),
        pytest.param("store", {"content": "x", "kind": "Not A Kind!"}, "kind", id="malformed kind"),
        pytest.param("store", {"content": "x", "metadata": {"k": "v" * 9_000}}, "metadata", id="large metadata"),
        pytest.param("store", {"content": "x", "metadata": {"k": ["\x00"]}}, "metadata", id="NUL in metadata"),
        pytest.param("store_batch", {"memories": []}, "memories", id="empty batch"),
        pytest.param(
            "store_batch", {"memories": [{"content": "ok"}, {"content": ""}]}, "memories.1.content", id="one bad"
        ),
        pytest.param("search", {"query": "x", "limit": 0}, "limit", id="limit too small"),
        pytest.param("search", {"query": "x", "limit": 101}, "limit", id="limit too large"),
        pytest.param("search", {"query": "x", "mode": "magic"}, "mode", id="unknown mode"),
        pytest.param("search", {"query": "x", "since": "2025-01-01T00:00:00"}, "since", id="time without zone"),
        pytest.param("get", {"id": "1; DROP TABLE memories"}, "id", id="not a uuid"),
        pytest.param("delete", {"ids": []}, "ids", id="nothing to delete"),
        pytest.param("nonsense", {}, "name", id="unknown tool"),
    ],
)
async def test_bad_arguments_name_the_field(
    server: MemoryServer, tool: str, arguments: dict[str, Any], field: str
) -> None:
    error = await server.failure(tool, **arguments)
    assert error["code"] == "invalid_argument"
    assert error["message"].startswith(f"{field}:")


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE memories; --", "\\", "a' | 'b", "!&|():*<->", "%s %(x)s {}", "<script>alert(1)</script>", "🦊 fox"],
)
async def test_hostile_text_is_only_text(server: MemoryServer, text: str) -> None:
    stored = await server.ok("store", content=text)
    assert (await server.ok("get", id=stored["id"]))["content"] == text
    for mode in ("keyword", "meaning", "hybrid"):
        await server.ok("search", query=text, mode=mode)
    assert (await server.ok("stats"))["memories"] == 1


async def test_a_batch_is_stored_as_a_whole_or_not_at_all(server: MemoryServer) -> None:
    await server.failure("store_batch", memories=[{"content": "good"}, {"content": "bad\x00"}])
    assert (await server.ok("stats"))["memories"] == 0


async def test_many_clients_at_once(server: MemoryServer) -> None:
    async def one(number: int) -> None:
        for part in range(5):
            await server.ok("store", content=f"note {part} of client {number}")
        assert len((await server.ok("search", query=f"client {number}"))["results"]) >= 5

    await asyncio.gather(*(one(number) for number in range(8)))
    assert (await server.ok("stats"))["memories"] == 40


async def test_postgresql_down_is_a_typed_error_at_once_and_heals(
    own_postgresql: PostgresqlCluster, tmp_path: Path
) -> None:
    server = MemoryServer(tmp_path, own_postgresql, own_postgresql.create_database())
    server.start()
    try:
        await server.ok("store", content="before the outage")
        own_postgresql.kill()
        for tool, arguments in (("search", {"query": "outage"}), ("store", {"content": "x"}), ("recent", {})):
            error = await server.failure(tool, **arguments)
            assert error["code"] == "postgresql_unavailable"
            assert f"127.0.0.1:{own_postgresql.port}" in error["message"]
        body = server.wait_for_health(503)
        assert body["status"] == "degraded"
        assert body["components"]["postgresql"]["status"] == "down"
        assert str(own_postgresql.port) in body["components"]["postgresql"]["detail"]
        assert server.metric("claude_memory_postgres_up") == 0
        assert (await server.ok("health"))["status"] == "degraded"
        own_postgresql.start()
        server.wait_for_health(200)
        assert server.metric("claude_memory_postgres_up") == 1
        assert contents(await server.ok("search", query="outage")) == ["before the outage"]
    finally:
        server.stop()


async def test_a_silent_postgresql_is_given_up_on(own_postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    server = MemoryServer(tmp_path, own_postgresql, own_postgresql.create_database())
    server.configuration["postgresql"]["connect_timeout_seconds"] = 1
    server.write_configuration()
    server.start()
    try:
        own_postgresql.pause()
        error = await server.failure("recent")
        assert error["code"] == "postgresql_unavailable"
        assert "no answer within" in error["message"]
        server.wait_for_health(503)
        own_postgresql.resume()
        server.wait_for_health(200)
        await server.ok("recent")
    finally:
        own_postgresql.resume()
        server.stop()


async def test_it_starts_without_postgresql_and_heals(own_postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    database = own_postgresql.create_database()
    own_postgresql.stop()
    server = MemoryServer(tmp_path, own_postgresql, database)
    server.start()
    try:
        server.wait_for_health(503)
        assert (await server.failure("stats"))["code"] == "postgresql_unavailable"
        own_postgresql.start()
        server.wait_for_health(200)
        stored = await server.ok("store", content="after the late start")
        assert stored["created"]
    finally:
        server.stop()


async def test_metrics_count_calls_and_measure_them(memory_server: MemoryServer) -> None:
    server = memory_server
    await server.ok("store", content="measured")
    await server.failure("store")
    assert server.metric("claude_memory_requests_total") == 2
    assert server.metric("claude_memory_avg_response_time_seconds") > 0
    assert server.metric("claude_memory_uptime_seconds") > 0
    assert server.metric("claude_memory_postgres_up") == 1
    assert server.metric("claude_memory_qdrant_up") == 1
    assert server.metric("claude_memory_database_size_bytes") > 1_000_000
    text = server.get("/metrics")[1]
    for outcome in ("ok", "invalid_argument"):
        assert f'claude_memory_request_duration_seconds_count{{outcome="{outcome}",tool="store"}} 1.0' in text


async def test_the_debug_delay_is_read_again_on_hang_up(memory_server: MemoryServer) -> None:
    server = memory_server
    server.configuration["debug_delay_seconds"] = 0.3
    server.write_configuration()
    server.hang_up()
    deadline = time.monotonic() + 10
    while server.metric("claude_memory_avg_response_time_seconds") < 0.1:
        assert time.monotonic() < deadline
        await server.ok("recent")


def test_it_ends_cleanly_and_says_nothing_on_standard_output(memory_server: MemoryServer) -> None:
    assert memory_server.stop() == 0
    log = memory_server.log.read_text(encoding="utf-8")
    assert "Stopped" in log
    assert "Traceback" not in log


def test_an_interrupt_ends_it_like_a_termination(memory_server: MemoryServer) -> None:
    assert memory_server.stop(signal.SIGINT) == 0


async def test_logs_never_hold_secrets_or_memories(memory_server: MemoryServer) -> None:
    await memory_server.ok("store", content="the launch code is swordfish")
    await memory_server.failure("store", content="swordfish\x00")
    memory_server.stop()
    log = memory_server.log.read_text(encoding="utf-8")
    configuration = json.dumps(memory_server.configuration)
    assert "swordfish" not in log
    for secret in (memory_server.password, TOKEN):
        assert secret not in log and secret not in configuration
