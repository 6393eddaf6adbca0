"""A pool of connections that opens lazily, gives up at once and says why."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from mcp_server.adapters.store.schema import migrate
from mcp_server.config import PostgreSQL
from mcp_server.errors import StoreUnavailable
from mcp_server.settings_file import resolve

# PostgreSQL answered so lately, as within one search, that asking whether it is still there is not worth a round trip.
TRUSTED_SECONDS = 0.05
# A connection that is just being made is waited for: PostgreSQL keeps one that is dropped in the middle of its greeting
# for a minute (authentication_timeout), and DROP DATABASE waits for it.
CLOSE_SECONDS = 1.0

Result = TypeVar("Result")
Connection = AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]
CONNECTION_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed, OSError, TimeoutError)


class Database:
    """Connections to one database. The schema is made current before the first connection is handed out."""

    def __init__(self, settings: PostgreSQL) -> None:
        self._settings = settings
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._last_success = -math.inf

    async def run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do ``work`` with a connection. Each statement commits by itself, unless ``work`` opens a transaction.

        Raises StoreUnavailable: at once when the server refuses, within the connect timeout when it is silent.
        """
        settings = self._settings
        try:
            pool, connection = await _within(settings.connect_timeout_seconds, self._checked_connection())
            result = await self._patiently(_work(pool, connection, work))
            self._last_success = time.monotonic()
            return result
        except CONNECTION_ERRORS as error:
            self._last_success = -math.inf
            raise self._unavailable(error) from error

    async def _patiently(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Result of statements, which may take their time as long as PostgreSQL still lets somebody in."""
        waited = self._settings.connect_timeout_seconds
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=waited)
            if not done and await self._lets_us_in():
                waited += self._settings.statement_timeout_seconds
                done, _ = await asyncio.wait({task}, timeout=self._settings.statement_timeout_seconds)
        except asyncio.CancelledError:
            _abandon(task)
            raise
        if not done:
            _abandon(task)
            raise TimeoutError(f"no answer within {waited:g} s")
        return task.result()

    async def _lets_us_in(self) -> bool:
        try:
            connecting = AsyncConnection.connect(**self._arguments())
            await (await _within(self._settings.connect_timeout_seconds, connecting)).close()
        except CONNECTION_ERRORS:
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._discard(self._pool, CLOSE_SECONDS)

    async def _checked_connection(self) -> tuple[Pool, Connection]:
        """A connection that answered just now; one that a restart of PostgreSQL left behind is replaced."""
        if self._pool is not None:
            pool = self._pool
            try:
                return pool, await self._take(pool)
            except CONNECTION_ERRORS:
                await self._discard(pool)
        pool = await self._open()
        return pool, await self._take(pool)

    async def _take(self, pool: Pool) -> Connection:
        connection = await pool.getconn(timeout=self._settings.connect_timeout_seconds)
        if time.monotonic() - self._last_success < TRUSTED_SECONDS:
            return connection
        try:
            await AsyncConnectionPool.check_connection(connection)
        except BaseException:
            await connection.close()
            await pool.putconn(connection)
            raise
        return connection

    async def _discard(self, pool: Pool, timeout_seconds: float = 0) -> None:
        if self._pool is pool:
            self._pool = None
        await pool.close(timeout=timeout_seconds)

    async def _open(self) -> Pool:
        async with self._opening:
            if self._pool is None:
                await self._prepare()
                pool = Pool(
                    kwargs=self._arguments(),
                    min_size=1,
                    max_size=self._settings.max_connections,
                    open=False,
                    reconnect_timeout=self._settings.connect_timeout_seconds,
                )
                await pool.open()
                self._pool = pool
            return self._pool

    async def _prepare(self) -> None:
        """Connect once, outside the pool: it fails at once and in the server's own words."""
        async with await AsyncConnection.connect(**self._arguments()) as connection:
            await migrate(connection)

    def _arguments(self) -> dict[str, Any]:
        settings = self._settings
        password = resolve(settings.password) if settings.password else None
        timeout_milliseconds = int(settings.statement_timeout_seconds * 1000)
        return {
            "host": settings.host,
            "port": settings.port,
            "dbname": settings.database,
            "user": settings.user,
            "password": password,
            **({"sslmode": "verify-full", "sslrootcert": str(settings.ca_file)} if settings.ca_file else {}),
            "connect_timeout": max(1, round(settings.connect_timeout_seconds)),
            "autocommit": True,
            "application_name": "claude-memory-mcp",
            "options": f"-c statement_timeout={timeout_milliseconds} -c timezone=UTC",
        }

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        settings = self._settings
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no answer in time"
        return StoreUnavailable(
            f"PostgreSQL at {settings.host}:{settings.port}, database {settings.database}: {reason}",
            hint="start PostgreSQL; the memory server recovers by itself",
        )


# Work that was given up on and is still being wound up; psycopg takes seconds to cancel a query of a silent server.
_abandoned: set[asyncio.Task[Any]] = set()


async def _within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """Result of ``work``, or TimeoutError at that very moment: winding it up goes on in the background."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        _abandon(task)
        raise
    if not done:
        _abandon(task)
        raise TimeoutError(f"no answer within {seconds:g} s")
    return task.result()


def _abandon(task: asyncio.Task[Any]) -> None:
    _abandoned.add(task)
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # seen, so that asyncio does not complain


async def _work(pool: Pool, connection: Connection, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    try:
        return await work(connection)
    finally:
        await pool.putconn(connection)
