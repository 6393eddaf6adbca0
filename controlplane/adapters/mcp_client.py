"""Reaches the memory server as the Claude CLI does, with the client of the MCP SDK."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from controlplane.errors import CmctlError, DependencyUnreachable

UNREACHABLE = (httpx2.HTTPError, OSError, MCPError, TimeoutError)


class SdkSession:
    """Implements McpSession."""

    def __init__(self, client: Client, peer: str) -> None:
        self._client = client
        self._peer = peer

    async def tool_names(self) -> list[str]:
        """Names of the server's tools."""
        try:
            return [tool.name for tool in (await self._client.list_tools()).tools]
        except UNREACHABLE as error:
            raise _unreachable(self._peer, error) from error

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Structured answer of a tool."""
        try:
            result = await self._client.call_tool(tool, arguments)
        except UNREACHABLE as error:
            raise _unreachable(self._peer, error) from error
        content: dict[str, Any] = dict(result.structured_content or {})
        if result.is_error:
            failure = content.get("error", {})
            raise CmctlError(f"{tool}: {failure.get('message', 'failed')}", failure.get("hint"))
        return content


@dataclass(frozen=True)
class HttpTransport:
    """Streamable HTTP. Implements McpTransport."""

    url: str
    timeout_seconds: float
    name: str = "http"

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[SdkSession]:
        """Connect and initialise."""
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(httpx2.AsyncClient(timeout=self.timeout_seconds, trust_env=False))
            client = Client(
                streamable_http_client(self.url, http_client=http), read_timeout_seconds=self.timeout_seconds
            )
            await _enter(stack, client, self.url)
            yield SdkSession(client, self.url)


@dataclass(frozen=True)
class StdioTransport:
    """A server of our own on standard input and output. Implements McpTransport."""

    command: Path
    config_file: Path
    timeout_seconds: float
    name: str = "stdio"

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[SdkSession]:
        """Start the command and initialise."""
        arguments = ["stdio", "--config", str(self.config_file)]
        peer = f"{self.command} {' '.join(arguments)}"
        async with AsyncExitStack() as stack:
            parameters = StdioServerParameters(command=str(self.command), args=arguments)
            client = Client(parameters, read_timeout_seconds=self.timeout_seconds)
            await _enter(stack, client, peer)
            yield SdkSession(client, peer)


async def _enter(stack: AsyncExitStack, client: Client, peer: str) -> None:
    # Not `except*`: Python 3.11.2, which Debian 12 has, wraps what such a block raises into another group.
    try:
        await stack.enter_async_context(client)
    except UNREACHABLE as error:
        raise _unreachable(peer, error) from error
    except BaseExceptionGroup as failures:
        _, others = failures.split(UNREACHABLE)
        if others is not None:
            raise
        raise _unreachable(peer, _first(failures)) from failures


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _unreachable(peer: str, error: BaseException) -> DependencyUnreachable:
    reason = str(error) or type(error).__name__
    return DependencyUnreachable(f"memory server at {peer}: {reason}", hint="start it with `cmctl up mcp_server`")
