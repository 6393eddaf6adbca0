"""The lock of the active daemon, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from controlplane.adapters.store import active_lock
from controlplane.adapters.store.active_lock import PostgresActiveLock
from controlplane.adapters.store.database import Address, Database
from controlplane.errors import DependencyUnreachable
from controlplane.services.standby import BELIEF_SECONDS, Holder, Taken
from tests.support.postgresql import SUPERUSER, PostgresqlCluster


@asynccontextmanager
async def lock_on(cluster: PostgresqlCluster, url: str, instance: str) -> AsyncIterator[PostgresActiveLock]:
    """A daemon's lock, with the connection that it looks at."""
    name = url.rpartition("/")[2]
    address = Address(cluster.host, cluster.port, name, SUPERUSER, lambda: cluster.password)
    database = Database(address)
    await database.connect()
    lock = PostgresActiveLock(address, database, lambda: instance)
    try:
        yield lock
    finally:
        await lock.give_back()
        await database.close()


async def taken(lock: PostgresActiveLock) -> Taken:
    """Take the lock, which PostgreSQL may free a moment after a session ended."""
    async with asyncio.timeout(20):
        while True:
            answer = await lock.take()
            if isinstance(answer, Taken):
                return answer
            await asyncio.sleep(0.05)


def test_postgresql_ends_a_silent_session_later_than_its_daemon_stops_believing() -> None:
    assert active_lock.SESSION_IDLE_MS / 1000 > BELIEF_SECONDS


async def test_one_has_it_and_the_other_learns_who(postgresql_cluster: PostgresqlCluster, database_url: str) -> None:
    async with (
        lock_on(postgresql_cluster, database_url, "a") as first,
        lock_on(postgresql_cluster, database_url, "b") as second,
    ):
        assert await first.take() == Taken(was_other=False)
        await first.announce()
        assert await first.take() == Taken(was_other=False)
        holder = await second.take()
        assert isinstance(holder, Holder)
        assert holder.name.startswith("process ")
        assert holder.age_seconds < BELIEF_SECONDS


async def test_given_back_in_order_nobody_has_to_wait(postgresql_cluster: PostgresqlCluster, database_url: str) -> None:
    async with (
        lock_on(postgresql_cluster, database_url, "a") as first,
        lock_on(postgresql_cluster, database_url, "b") as second,
    ):
        await first.take()
        await first.announce()
        await first.give_back()
        assert await taken(second) == Taken(was_other=False)


async def test_a_lost_session_is_noticed_and_the_next_one_is_told_to_wait(
    postgresql_cluster: PostgresqlCluster, database_url: str
) -> None:
    async with (
        lock_on(postgresql_cluster, database_url, "a") as first,
        lock_on(postgresql_cluster, database_url, "b") as second,
    ):
        await first.take()
        await first.announce()
        with psycopg.connect(database_url, autocommit=True) as superuser:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cmctl process%'"
                " AND datname = current_database()"
            )
        assert await taken(second) == Taken(was_other=True)
        with pytest.raises(DependencyUnreachable):
            await first.take()
        assert isinstance(await first.take(), Holder)


async def test_a_daemon_that_restarts_on_its_data_does_not_wait_for_itself(
    postgresql_cluster: PostgresqlCluster, database_url: str
) -> None:
    async with lock_on(postgresql_cluster, database_url, "a") as before:
        await before.take()
        await before.announce()
        await before._drop()  # as a crash does
        async with lock_on(postgresql_cluster, database_url, "a") as after:
            assert await taken(after) == Taken(was_other=False)


async def test_a_daemon_that_hangs_loses_it(
    postgresql_cluster: PostgresqlCluster, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_lock, "SESSION_IDLE_MS", 300)
    async with (
        lock_on(postgresql_cluster, database_url, "a") as hangs,
        lock_on(postgresql_cluster, database_url, "b") as second,
    ):
        await hangs.take()
        assert await taken(second) == Taken(was_other=False)
