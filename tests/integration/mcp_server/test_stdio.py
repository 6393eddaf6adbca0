"""The stdio transport: alone, and as a bridge to the running server."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from mcp import StdioServerParameters
from mcp.client import Client

from tests.support.memory_server import PROGRAM, MemoryServer
from tests.support.postgresql import PostgresqlCluster


def parameters(server: MemoryServer) -> StdioServerParameters:
    return StdioServerParameters(command=str(PROGRAM), args=["stdio", "--config", str(server.config_file)])


async def ok(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return dict(result.structured_content or {})


async def test_alone_it_is_the_server(
    postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path
) -> None:
    server = MemoryServer(tmp_path, postgresql_cluster, memory_database)
    async with Client(parameters(server)) as client:
        assert {"store", "search"} <= {tool.name for tool in (await client.list_tools()).tools}
        await ok(client, "store", content="The red car is parked outside.")
        await ok(client, "store", content="会议改到下周三下午。")
        by_word = await ok(client, "search", query="parked", mode="keyword")
        by_meaning = await ok(client, "search", query="automobile", mode="meaning", limit=1)
        chinese = await ok(client, "search", query="什么时候开会")
        result = await client.call_tool("store", {})
    assert by_word["results"][0]["content"] == by_meaning["results"][0]["content"] == "The red car is parked outside."
    assert chinese["results"][0]["content"] == "会议改到下周三下午。"
    assert dict(result.structured_content or {})["error"]["code"] == "invalid_argument"


async def test_beside_the_server_it_passes_calls_on(memory_server: MemoryServer) -> None:
    async with Client(parameters(memory_server)) as client:
        stored = await ok(client, "store", content="written through the bridge")
        assert stored["indexed"]
        assert (await ok(client, "get", id=stored["id"]))["content"] == "written through the bridge"
        missing = await client.call_tool("get", {"id": "00000000-0000-4000-8000-000000000000"})
        assert dict(missing.structured_content or {})["error"]["code"] == "not_found"
    found = await memory_server.ok("search", query="bridge")
    assert found["results"][0]["id"] == stored["id"]
    assert memory_server.metric("claude_memory_requests_total") >= 4


async def test_the_bridge_outlives_a_restart_of_the_server(memory_server: MemoryServer) -> None:
    async with Client(parameters(memory_server)) as client:
        await ok(client, "store", content="before")
        memory_server.kill()
        result = await client.call_tool("recent", {})
        assert result.is_error
        assert dict(result.structured_content or {})["error"]["code"] == "server_unreachable"
        memory_server.start()
        assert len((await ok(client, "recent"))["results"]) == 1


async def test_the_vectors_go_back_to_the_server_when_it_comes_up(
    postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path
) -> None:
    server = MemoryServer(tmp_path, postgresql_cluster, memory_database)
    try:
        async with Client(parameters(server)) as client:
            await ok(client, "store", content="written before the server came up")
            server.start()
            server.wait_for_health(200)
            await ok(client, "store", content="written after it came up")
            assert len((await ok(client, "search", query="written", mode="meaning"))["results"]) == 2
        assert server.metric("claude_memory_requests_total") >= 2
    finally:
        server.stop()


async def test_standard_output_carries_the_protocol_and_nothing_else(
    postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path
) -> None:
    server = MemoryServer(tmp_path, postgresql_cluster, memory_database)
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "stdio",
        "--config",
        server.config_file,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    messages: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "nonsense", "arguments": {}}},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "stats", "arguments": {}}},
    ]
    assert process.stdin and process.stdout
    process.stdin.write("".join(json.dumps(message) + "\n" for message in messages).encode())
    answers = [json.loads(await asyncio.wait_for(process.stdout.readline(), 60)) for _ in range(3)]
    process.stdin.close()
    rest, errors = await process.communicate()
    assert {answer["id"] for answer in answers} == {1, 2, 3}
    assert rest == b""
    assert b"Traceback" not in errors
    assert process.returncode == 0
