"""``claude-memory-mcp reindex``: in this process, or by the running server, which owns the vectors then."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import click
import httpx2

from mcp_server.admin import admin_client
from mcp_server.config import Settings
from mcp_server.errors import MemoryServerError, ServerUnreachable
from mcp_server.wiring import build_embedder, parts

POLL_SECONDS = 0.2
# While it indexes on a busy machine the server may take its time to answer.
ANSWER_TIMEOUT = httpx2.Timeout(60.0, connect=5.0)


async def run(settings: Settings) -> int:
    """Rebuild all vectors, with a progress bar on standard error; returns how many. Raises MemoryServerError."""
    async with admin_client(settings) as client:
        try:
            status = await _ask(client, "GET")
        except ServerUnreachable:
            return await _here(settings)
        return await _by_server(client, settings, status)


async def _here(settings: Settings) -> int:
    async with parts(settings) as application:
        with _bar() as bar:
            return await application.indexer.rebuild(_advance(bar))


async def _by_server(client: httpx2.AsyncClient, settings: Settings, status: dict[str, Any]) -> int:
    wanted = build_embedder(settings.embeddings).name
    if status["embedding_model"] != wanted:
        raise MemoryServerError(
            f"the running memory server uses the model {status['embedding_model']}, the configuration names {wanted}",
            hint="restart the memory server, then run this again",
        )
    await _ask(client, "POST")
    with _bar() as bar:
        advance = _advance(bar)
        while (status := await _ask(client, "GET"))["running"]:
            advance(status["done"], status["total"])
            await asyncio.sleep(POLL_SECONDS)
        advance(status["done"], status["total"])
    if status["error"]:
        raise MemoryServerError(str(status["error"]))
    return int(status["total"])


async def _ask(client: httpx2.AsyncClient, method: str) -> dict[str, Any]:
    try:
        response = await client.request(method, "/admin/reindex", timeout=ANSWER_TIMEOUT)
    except httpx2.TransportError as error:
        raise ServerUnreachable(f"memory server at {client.base_url}: {error or type(error).__name__}") from error
    if response.status_code not in (200, 202, 409):
        raise MemoryServerError(
            f"memory server at {client.base_url}: answers {response.status_code}",
            hint="set listen.token in mcp.yml; rebuilding through the running server needs it",
        )
    answer: dict[str, Any] = response.json()
    return answer


class Bar(Protocol):
    """What we use of click's progress bar."""

    length: int | None
    pos: int

    def update(self, n_steps: int) -> None:
        """Go on by that many steps."""


def _bar() -> AbstractContextManager[Bar]:
    bar: AbstractContextManager[Bar] = click.progressbar(length=1, label="Indexing memories", file=sys.stderr)
    return bar


def _advance(bar: Bar) -> Callable[[int, int], None]:
    def advance(done: int, total: int) -> None:
        bar.length = max(total, 1)
        bar.update(done - bar.pos)

    return advance
