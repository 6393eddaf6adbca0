"""The connection to PostgreSQL: comes up when the server does, fails fast while it is away."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from controlplane.adapters.postgresql_client import tls_parameters
from controlplane.adapters.store.migrate import migrate
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.ports import StoreRejected

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 3
OPERATION_SECONDS = 30.0
RETRY_SECONDS = 1.0
PING_SECONDS = 10.0
_WRONG_DATA = ("21", "22", "23", "54")  # cardinality, data, integrity constraint, program limit exceeded


@dataclass(frozen=True)
class Address:
    """Where the database is and who connects.

    The password is fetched for each connection, so that a new one is taken
    without a restart; it stays out of every message.
    """

    host: str
    port: int
    database: str
    user: str
    password: Callable[[], str] = field(repr=False)
    ca_file: Path | None = None

    def parameters(self) -> dict[str, Any]:
        """Connection parameters for psycopg."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password(),
            "application_name": "cmctl",
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 30,
            "tcp_user_timeout": 30_000,
            "options": "-c timezone=UTC",
            **tls_parameters(self.ca_file),
        }

    def __str__(self) -> str:
        return f"PostgreSQL at {self.host}:{self.port} (database {self.database})"


class Database:
    """A small pool that exists while the server answers. Use from one event loop."""

    def __init__(self, address: Address, max_connections: int = 4, migrates: bool = True) -> None:
        self._address = address
        self._max_connections = max_connections
        self._migrates = migrates
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] | None = None
        self._problem = "not connected yet"
        self._lost = asyncio.Event()
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._tried = asyncio.Event()
        self._is_watched = False
        self._has_complained = False

    @property
    def is_up(self) -> bool:
        """Whether the server answered last."""
        return self._up.is_set()

    @property
    def problem(self) -> str | None:
        """Why the server cannot be used, or None."""
        return None if self._up.is_set() else self._problem

    async def run(self) -> None:
        """Stay connected for ever: connect, watch, connect again. Says once that the server is away."""
        self._is_watched = True
        try:
            while True:
                if self._pool is None:
                    await self._try_to_connect()
                if self._pool is None:
                    await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries
                else:
                    await self._watch()
        finally:
            await self.close()

    async def wait_until_up(self) -> None:
        """Return once the server answers."""
        await self._up.wait()

    async def wait_until_tried(self) -> None:
        """Return once the first attempt to connect has ended, well or not."""
        await self._tried.wait()

    async def wait_until_down(self) -> None:
        """Return once the server is away."""
        await self._down.wait()

    async def ask(self, timeout_seconds: float) -> None:
        """Find out now whether the server answers. Raises DependencyUnreachable."""
        async with self.connection(timeout_seconds) as connection:
            await connection.execute("SELECT 1")

    async def connect(self) -> None:
        """Connect once, for callers that do not ``run``. Raises DependencyUnreachable."""
        await self._try_to_connect()
        if self._pool is None:
            raise self._unreachable()

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        self._note_down()
        if pool is not None:
            await pool.close(timeout=2)

    async def _try_to_connect(self) -> None:
        try:
            async with asyncio.timeout(OPERATION_SECONDS):
                await self._greet()
                pool = await self._open_pool()
        except (psycopg.Error, OSError, PoolTimeout, TimeoutError, CmctlError) as error:
            self._note_problem(error)
            return
        finally:
            self._tried.set()
        self._pool = pool
        self._has_complained = False
        self._lost.clear()
        self._up.set()
        self._down.clear()
        logger.info("Connected to PostgreSQL", extra={"action": "connect_database"})

    async def _greet(self) -> None:
        """Connect once before there is a pool, which would only say that it took too long."""
        connection = await AsyncConnection.connect(**self._address.parameters(), autocommit=True)
        async with connection:
            if self._migrates:
                await migrate(connection)

    async def _open_pool(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            # unprepared statements are planned for their parameters: an optional filter then uses its index
            kwargs={**self._address.parameters(), "autocommit": True, "prepare_threshold": None},
            min_size=1,
            max_size=self._max_connections,
            open=False,
            configure=_read_json_fast,
            timeout=CONNECT_SECONDS,
            reconnect_timeout=CONNECT_SECONDS,
        )
        try:
            await pool.open(wait=True, timeout=CONNECT_SECONDS)
        except BaseException:
            await pool.close(timeout=1)
            raise
        return pool

    async def _watch(self) -> None:
        """Ask now and then whether the server is there, until it is not."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._lost.wait()
        except TimeoutError:
            try:
                await self.ask(CONNECT_SECONDS)
            except CmctlError as error:
                logger.debug("PostgreSQL did not answer", extra={"action": "ping_database", "problem": error.message})
        else:
            await self._drop_pool()

    async def _drop_pool(self) -> None:
        await self.close()
        self._lost.clear()

    @asynccontextmanager
    async def connection(self, timeout_seconds: float = OPERATION_SECONDS) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection in autocommit mode.

        Raises DependencyUnreachable when the server is away, too slow, short of
        something or not allowed to write, StoreRejected when what was asked can
        never succeed.
        """
        pool = self._pool
        if pool is None or self._lost.is_set():
            raise self._unreachable()
        try:
            async with asyncio.timeout(timeout_seconds), pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout, TimeoutError, OSError) as error:
            if _is_refused_for_good(error):
                raise StoreRejected(f"{self._address} refuses: {_first_line(error)}") from error
            self._problem = _first_line(error)
            if _connection_is_lost(error):
                self._note_problem(error)
                self._lost.set()
                self._note_down()
            raise self._unreachable() from error

    @asynccontextmanager
    async def transaction(self, timeout_seconds: float = OPERATION_SECONDS) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection inside one transaction; errors as in ``connection``."""
        async with self.connection(timeout_seconds) as connection, connection.transaction():
            yield connection

    def _note_down(self) -> None:
        self._up.clear()
        self._down.set()

    def _note_problem(self, error: Exception) -> None:
        """Log it once for each time that the server is away; whoever connects for one command is told by the error."""
        self._problem = _first_line(error)
        if self._is_watched and not self._has_complained:
            self._has_complained = True
            extra = {"action": "connect_database", "problem": self._problem}
            logger.warning("PostgreSQL cannot be used for now", extra=extra)

    def _unreachable(self) -> DependencyUnreachable:
        return DependencyUnreachable(f"{self._address} does not answer: {self._problem}", hint="run cmctl status")


def _connection_is_lost(error: Exception) -> bool:
    """Whether the server is away, as opposed to short of disk, locks or time for one statement."""
    state = getattr(error, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def _is_refused_for_good(error: Exception) -> bool:
    """Whether it is the data that is wrong: no repair of the server would make it take them.

    A table that is missing, a permission, a database that is read-only or a file that cannot grow can be mended.
    """
    state = getattr(error, "sqlstate", None)
    if state is None:  # psycopg itself could not spell the data
        return isinstance(error, psycopg.DatabaseError) and not isinstance(error, psycopg.OperationalError)
    return bool(state.startswith(_WRONG_DATA))


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


async def _read_json_fast(connection: AsyncConnection[Any]) -> None:
    set_json_loads(orjson.loads, connection)
