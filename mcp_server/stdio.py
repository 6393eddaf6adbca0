"""``claude-memory-mcp stdio``: MCP on standard input and output.

When the memory server runs, calls go through it, because it owns the vectors. Otherwise this process is the server,
until the real one comes up and gets the vectors back. Standard output carries the protocol and nothing else.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any, Protocol

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, CallToolResult, InputRequiredResult, ListToolsResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_server.admin import server_url
from mcp_server.application import version
from mcp_server.config import Settings
from mcp_server.errors import ServerUnreachable
from mcp_server.server import INSTRUCTIONS, MemoryMcpServer, error_result
from mcp_server.settings_file import resolve

logger = logging.getLogger(__name__)

CALL_SECONDS = 60.0
WATCH_SECONDS = 2.0


class Backend(Protocol):
    """Answers the calls."""

    async def list_tools(self) -> ListToolsResult:
        """The tools."""

    async def call_tool(self, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Outcome of a call; failures are results too."""


class Bridge:
    """Passes calls to the HTTP server, each over a connection of its own, so that it may restart in between."""

    def __init__(self, settings: Settings) -> None:
        self._url = server_url(settings)
        self._token = settings.listen.token

    async def list_tools(self) -> ListToolsResult:
        """The server's tools."""
        async with self._http() as http, self._client(http) as client:
            return await client.list_tools()

    async def call_tool(self, params: CallToolRequestParams) -> CallToolResult:
        """The server's answer; a typed error when it does not answer."""
        try:
            async with self._http() as http, self._client(http) as client:
                return await client.call_tool(params.name, params.arguments, read_timeout_seconds=CALL_SECONDS)
        except* (MCPError, httpx2.HTTPError, OSError) as failures:
            reason = failures.exceptions[0]
        return error_result(
            ServerUnreachable(f"memory server at {self._url}: {reason}", hint="start it with `cmctl up mcp_server`")
        )

    def _http(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {resolve(self._token)}"} if self._token else {}
        return httpx2.AsyncClient(headers=headers, timeout=CALL_SECONDS, trust_env=False)

    def _client(self, http: httpx2.AsyncClient) -> Client:
        transport = streamable_http_client(f"{self._url}/mcp", http_client=http)
        return Client(transport, mode=MODERN_PROTOCOL_VERSIONS[-1])


class Local:
    """Answers calls in this process."""

    def __init__(self, server: MemoryMcpServer) -> None:
        self._server = server
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def list_tools(self) -> ListToolsResult:
        """Our own tools."""
        return ListToolsResult(tools=await self._server.list_tools())

    async def call_tool(self, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Our own answer."""
        self._active += 1
        self._idle.clear()
        try:
            return await self._server.call_tool(params.name, params.arguments or {})
        finally:
            self._active -= 1
            if not self._active:
                self._idle.set()

    async def finished(self) -> None:
        """Wait until no call is under way."""
        await self._idle.wait()


class StandardStreams:
    """The session on standard input and output; its backend may change while it lasts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._backend: Backend = Bridge(settings)
        self._server: Server[Any] = Server(
            "claude-memory",
            version=version(),
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )

    async def run(self) -> None:
        """Speak MCP until standard input ends. Raises MemoryServerError."""
        async with AsyncExitStack() as local:
            watching = None
            if not await _server_answers(self._settings):
                await self._open_here(local)
                watching = asyncio.create_task(self._hand_over(local))
            async with stdio_server() as (read, write):
                await self._server.run(read, write, self._server.create_initialization_options())
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _open_here(self, stack: AsyncExitStack) -> None:
        from mcp_server.wiring import build_server, running  # the bridge needs no models and engines

        application = await stack.enter_async_context(running(self._settings))
        self._backend = Local(build_server(application)[0])
        logger.info("Answering in this process", extra={"action": "stdio"})

    async def _hand_over(self, stack: AsyncExitStack) -> None:
        """Once the real server runs, leave the calls and the vectors to it."""
        while not await _server_answers(self._settings):  # noqa: ASYNC110  # no event comes from another process
            await asyncio.sleep(WATCH_SECONDS)
        local, self._backend = self._backend, Bridge(self._settings)
        if isinstance(local, Local):
            await local.finished()
        await stack.aclose()
        logger.info("The server runs; calls go to it now", extra={"action": "stdio"})

    async def _list_tools(self, _context: Any, _params: Any) -> ListToolsResult:
        return await self._backend.list_tools()

    async def _call_tool(self, _context: Any, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        return await self._backend.call_tool(params)


async def run(settings: Settings) -> None:
    """Speak MCP until standard input ends. Raises MemoryServerError."""
    await StandardStreams(settings).run()


async def _server_answers(settings: Settings) -> bool:
    try:
        async with httpx2.AsyncClient(base_url=server_url(settings), timeout=1, trust_env=False) as client:
            response = await client.get("/health")
            return response.status_code in (200, 503) and "components" in response.json()
    except (httpx2.HTTPError, ValueError):
        return False
