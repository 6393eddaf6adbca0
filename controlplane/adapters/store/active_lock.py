"""The lock of the active daemon: a session of its own that holds a PostgreSQL advisory lock.

PostgreSQL frees the lock when the session ends. It ends the session itself when
nothing was asked for SESSION_IDLE_MS: the daemon hangs, its machine is gone, or
the network between is cut. That is longer than a daemon believes to be active
without a confirmation (services/standby.py).
"""

import contextlib
import os
import platform
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection

from controlplane.adapters.store.database import Address, Database
from controlplane.adapters.store.queries import query
from controlplane.errors import DependencyUnreachable
from controlplane.services.standby import Holder, Taken
from controlplane.services.within import within

LOCK_KEY = 0x636D63746C02  # "cmctl" and a number; the migrations' lock is another
SESSION_IDLE_MS = 7000
ASK_SECONDS = 3.0
MAX_NAME_CHARACTERS = 63


class PostgresActiveLock:
    """Implements ActiveLock. ``instance`` names the data directory, on which only one daemon can run."""

    def __init__(self, address: Address, database: Database, instance: Callable[[], str]) -> None:
        self._address = address
        self._database = database
        self._instance = instance
        self._session: AsyncConnection[Any] | None = None
        self._is_ours = False

    async def take(self) -> Taken | Holder:
        """Take the lock, or confirm it; the holder when that is another. Raises DependencyUnreachable."""
        if self._session is None and not self._database.is_up:
            raise DependencyUnreachable(f"{self._address} does not answer")
        try:
            return await within(ASK_SECONDS, self._take())
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._drop()
            raise DependencyUnreachable(f"{self._address}: the active daemon's lock does not answer") from error

    async def _take(self) -> Taken | Holder:
        session = self._session or await self._connect()
        if self._is_ours:
            await session.execute("SELECT 1")  # a session that lives still has its lock
            return Taken(was_other=False)
        return await self._try(session)

    async def _connect(self) -> AsyncConnection[Any]:
        name = f"cmctl process {os.getpid()} on {platform.node()}"[:MAX_NAME_CHARACTERS]
        parameters = {**self._address.parameters(), "application_name": name}
        self._session = await AsyncConnection.connect(**parameters, autocommit=True, prepare_threshold=None)
        await self._session.execute(f"SET idle_session_timeout = {SESSION_IDLE_MS}")
        return self._session

    async def _try(self, session: AsyncConnection[Any]) -> Taken | Holder:
        for _ in range(2):  # when the holder ends between the two questions, the lock is free the second time
            row = await (await session.execute(query("take_active_lock"), {"key": LOCK_KEY})).fetchone()
            if row and row[0]:
                self._is_ours = True
                last = await (await session.execute(query("last_active"), {"instance": self._instance()})).fetchone()
                return Taken(was_other=bool(last and last[0]))
            holder = await (await session.execute(query("active_holder"), {"key": LOCK_KEY})).fetchone()
            if holder is not None:
                name, since, age_seconds = holder
                return Holder(str(name).removeprefix("cmctl "), since, max(0.0, float(age_seconds)))
        raise DependencyUnreachable("the active daemon has just ended")

    async def announce(self) -> None:
        """Record that this daemon is the active one. Raises DependencyUnreachable."""
        await self._execute("announce_active")

    async def give_back(self) -> None:
        """Release the lock in order; nothing happens when it cannot be reached."""
        if self._session is not None and self._is_ours:
            with contextlib.suppress(DependencyUnreachable):
                await self._execute("end_active")
        await self._drop()

    async def _execute(self, name: str) -> None:
        if self._session is None:
            raise DependencyUnreachable(f"{self._address} does not answer")
        try:
            await within(ASK_SECONDS, self._session.execute(query(name), {"instance": self._instance()}))
        except (psycopg.Error, OSError, TimeoutError) as error:
            await self._drop()
            raise DependencyUnreachable(f"{self._address} does not answer") from error

    async def _drop(self) -> None:
        session, self._session, self._is_ours = self._session, None, False
        if session is not None:
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                await within(1, session.close())
