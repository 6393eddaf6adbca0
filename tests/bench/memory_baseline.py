"""The least that a search over HTTP can cost: the memory server's HTTP stack, a pooled connection and ``SELECT 1``.

Run as ``python -m tests.bench.memory_baseline PORT`` with the database's URL in MEMORY_BASELINE_DATABASE.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def build() -> Starlette:
    """The application."""
    pool = AsyncConnectionPool(os.environ["MEMORY_BASELINE_DATABASE"], min_size=1, max_size=4, open=False)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    async def answer(request: Request) -> Response:
        given = await request.json()
        async with pool.connection() as connection:
            cursor = await connection.execute("SELECT 1")
            row = await cursor.fetchone()
        return JSONResponse({"jsonrpc": "2.0", "id": given["id"], "result": row})

    return Starlette(routes=[Route("/mcp", answer, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(build(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, ws="none")
