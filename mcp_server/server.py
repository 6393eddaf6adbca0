"""The MCP server: tools with typed errors, measured."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp_types import CallToolResult, InputRequiredResult, TextContent
from pydantic import ValidationError

from mcp_server.application import Application, version
from mcp_server.errors import InvalidArgument, MemoryServerError
from mcp_server.metrics import Metrics
from mcp_server.tools import build_tools

logger = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Long-term memory. Store what will matter later: decisions, facts, preferences, open ends. Search before asking "
    "the user something they may have said already. Texts may be English or Chinese."
)


class MemoryMcpServer(MCPServer[Any]):
    """MCPServer whose failed calls carry ``{"error": {code, message, hint}}`` as structured content."""

    def __init__(self, application: Application, metrics: Metrics) -> None:
        tools = build_tools(application)
        self._known = {tool.name: set(tool.parameters["properties"]) for tool in tools}
        self._application = application
        self._metrics = metrics
        super().__init__(
            "claude-memory",
            title="Claude memory",
            instructions=INSTRUCTIONS,
            version=version(),
            tools=tools,
            subscriptions=False,
            log_level="WARNING",
        )

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; an anticipated failure is a result with ``is_error``, never an exception."""
        started = time.perf_counter()
        outcome = "internal"
        try:
            if self._application.debug_delay_seconds:
                await asyncio.sleep(self._application.debug_delay_seconds)
            self._refuse_unknown(name, arguments)
            result = await super().call_tool(name, arguments, context)
            outcome = "ok"
            return result
        except ToolError as error:
            failure = _typed(error)
            outcome = failure.code
            _log(name, failure, error)
            return error_result(failure)
        finally:
            label = name if name in self._known else "unknown"
            self._metrics.tool_called(label, outcome, time.perf_counter() - started)

    def _refuse_unknown(self, name: str, arguments: Mapping[str, Any]) -> None:
        if name not in self._known:
            raise ToolError(name) from InvalidArgument(f"name: there is no tool {name[:64]!r}")
        if unknown := sorted(set(arguments) - self._known[name]):
            raise ToolError(name) from InvalidArgument(f"{unknown[0][:64]}: {name} takes no such argument")


def error_result(error: MemoryServerError) -> CallToolResult:
    """A failed call: words for the model, and the same as data for programs."""
    text = f"{error.code}: {error.message}" + (f"\nhint: {error.hint}" if error.hint else "")
    content = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=content, is_error=True)


def _typed(error: ToolError) -> MemoryServerError:
    cause = error.__cause__
    if isinstance(cause, MemoryServerError):
        return cause
    if isinstance(cause, ValidationError):
        problems = [_problem(item) for item in cause.errors(include_url=False, include_input=False)[:5]]
        return InvalidArgument("; ".join(problems))
    return MemoryServerError("the tool failed unexpectedly", hint="the server's log says why")


def _problem(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"])
    return f"{path}: {str(item['msg']).removeprefix('Value error, ')}"


def _log(name: str, failure: MemoryServerError, error: ToolError) -> None:
    extra = {"action": "call_tool", "tool": name[:64], "code": failure.code}
    if isinstance(error, UnexpectedToolError) and failure is not error.__cause__:
        logger.error("Tool call failed unexpectedly", extra=extra, exc_info=error.__cause__)
    else:
        logger.info("Tool call was refused", extra={**extra, "reason": failure.message[:500]})
