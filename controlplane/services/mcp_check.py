"""Proves that the memory server can be used: the round trip that the Claude CLI makes."""

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from controlplane.errors import CmctlError, DependencyUnreachable

EXPECTED_TOOLS = frozenset({"store", "store_batch", "search", "recent", "get", "delete", "stats", "health"})
PROBE_SESSION = "cmctl-mcp-check"
PROBE_KIND = "probe"


class McpSession(Protocol):
    """An open connection to an MCP server."""

    async def tool_names(self) -> list[str]:
        """Names of its tools. Raises DependencyUnreachable."""

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Structured answer of a tool. Raises CmctlError for a failed call, DependencyUnreachable without one."""


class McpTransport(Protocol):
    """One way to reach the server."""

    @property
    def name(self) -> str:
        """http or stdio."""

    def connect(self) -> AbstractAsyncContextManager[McpSession]:
        """Connect and initialise. Raises DependencyUnreachable."""


@dataclass(frozen=True)
class Step:
    """Outcome of one step over one transport."""

    transport: str
    step: str
    ok: bool
    detail: str
    duration_seconds: float


class _Recorder:
    """Collects the steps of one transport."""

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._started = time.perf_counter()
        self.steps: list[Step] = []

    def add(self, step: str, ok: bool, detail: str) -> None:
        """Record a step; it took the time since the one before."""
        now = time.perf_counter()
        self.steps.append(Step(self._transport, step, ok, detail, round(now - self._started, 4)))
        self._started = now


async def check(transport: McpTransport, token: str) -> list[Step]:
    """Connect, list the tools, store a probe, find it, delete it. ``token`` makes the probe's text unique.

    The first step that fails ends the check and is the last in the list.
    Raises DependencyUnreachable when the server cannot be reached at all.
    """
    recorder = _Recorder(transport.name)
    async with transport.connect() as session:
        recorder.add("initialize", True, "connected")
        try:
            await _round_trip(session, token, recorder)
        except DependencyUnreachable:
            raise
        except CmctlError as error:
            recorder.add("round trip", False, error.message)
    return recorder.steps


async def _round_trip(session: McpSession, token: str, recorder: _Recorder) -> None:
    names = await session.tool_names()
    missing = sorted(EXPECTED_TOOLS.difference(names))
    if missing:
        raise CmctlError(f"the server lacks the tools {', '.join(missing)}")
    recorder.add("list tools", True, f"{len(names)} tools")
    probe = {"content": f"cmctl mcp check {token}", "session": PROBE_SESSION, "kind": PROBE_KIND}
    stored = await session.call("store", probe)
    recorder.add("store", True, str(stored["id"]))
    try:
        found = await session.call("search", {"query": token, "session": PROBE_SESSION})
        if stored["id"] not in _ids(found["results"]):
            raise CmctlError("the probe was stored but search does not find it")
        recorder.add("search", True, "; ".join(found["notes"]) or "found")
    finally:
        await session.call("delete", {"ids": [stored["id"]]})
    recorder.add("delete", True, "deleted")


def _ids(results: Sequence[dict[str, Any]]) -> list[str]:
    return [str(result["id"]) for result in results]
