"""The connection: comes when the server comes, fails fast while it is away, hides the password."""

import asyncio
import contextlib
from typing import LiteralString

import pytest

from controlplane.adapters.store.database import Address, Database
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.ports import StoreRejected
from tests.integration.store.conftest import address_of
from tests.support.postgresql import PostgresqlCluster, free_port


async def ask(database: Database) -> int:
    async with database.connection(5) as connection:
        row = await (await connection.execute("SELECT 1")).fetchone()
    return int(row[0]) if row else 0


async def test_it_connects_when_the_server_comes_and_again_after_it_was_gone(own_postgresql: PostgresqlCluster) -> None:
    own_postgresql.stop()
    database = Database(address_of(own_postgresql.conninfo()))
    running = asyncio.create_task(database.run())
    await database.wait_until_tried()
    assert not database.is_up
    assert database.problem is not None and own_postgresql.password not in database.problem
    with pytest.raises(DependencyUnreachable) as caught:
        await ask(database)
    assert own_postgresql.password not in caught.value.message
    for _ in range(2):
        await asyncio.to_thread(own_postgresql.start)
        await asyncio.wait_for(database.wait_until_up(), 20)
        assert await ask(database) == 1
        await asyncio.to_thread(own_postgresql.kill)
        with pytest.raises(DependencyUnreachable):
            await ask(database)
        await asyncio.wait_for(database.wait_until_down(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_server_that_is_away_is_told_once_each_time(
    own_postgresql: PostgresqlCluster, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(address_of(own_postgresql.conninfo()))
    running = asyncio.create_task(database.run())
    await asyncio.wait_for(database.wait_until_up(), 20)
    for times in (1, 2):
        await asyncio.to_thread(own_postgresql.kill)
        while database.is_up:
            with contextlib.suppress(DependencyUnreachable):
                await ask(database)
        with pytest.raises(DependencyUnreachable):
            await ask(database)
        await asyncio.to_thread(own_postgresql.start)
        await asyncio.wait_for(database.wait_until_up(), 20)
        told = [record for record in caplog.records if record.message == "PostgreSQL cannot be used for now"]
        assert len(told) == times
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_one_command_is_told_by_the_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    database = Database(Address("127.0.0.1", free_port(), "nowhere", "nobody", lambda: ""))
    with pytest.raises(DependencyUnreachable):
        await database.connect()
    assert [record for record in caplog.records if record.name.startswith("controlplane")] == []


async def test_a_server_that_hangs_is_given_up_in_time(own_postgresql: PostgresqlCluster) -> None:
    database = Database(address_of(own_postgresql.conninfo()))
    await database.connect()
    own_postgresql.pause()
    try:
        with pytest.raises(DependencyUnreachable):
            async with database.connection(0.2) as connection:
                await connection.execute("SELECT 1")
    finally:
        own_postgresql.resume()
    await database.close()


async def test_what_the_server_can_never_do_is_told_apart(database: Database) -> None:
    with pytest.raises(StoreRejected):
        async with database.connection() as connection:
            await connection.execute("SELECT 1/0")
    assert await ask(database) == 1


@pytest.mark.parametrize(
    ("statement", "is_for_good"),
    [
        ("SELECT 1/0", True),
        ("SELECT repeat('x', 1 << 30) || repeat('x', 1 << 30)", True),
        ("SELECT * FROM nowhere", False),
        ("SET transaction_read_only = on; CREATE TABLE t ()", False),
        ("SELECT pg_read_file('/etc/nowhere')", False),
    ],
)
async def test_what_a_repair_of_the_server_would_mend_is_waited_for(
    database: Database, statement: LiteralString, is_for_good: bool
) -> None:
    with pytest.raises(StoreRejected if is_for_good else DependencyUnreachable):
        async with database.connection() as connection:
            await connection.execute(statement)
    assert database.is_up


async def test_a_character_that_postgresql_cannot_store_is_refused_for_good(database: Database) -> None:
    with pytest.raises(StoreRejected):
        async with database.connection() as connection:
            await connection.execute("SELECT %s::text", ["a\0b"])
    assert database.is_up


async def test_a_database_that_a_newer_version_has_added_to_is_fine(database: Database, database_url: str) -> None:
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE alerts ADD COLUMN from_the_future integer")
        await connection.execute("INSERT INTO schema_migrations (name) VALUES ('9999_from_the_future')")
    other = Database(address_of(database_url))
    await other.connect()
    await other.close()


async def test_a_database_that_a_newer_version_has_broken_is_refused(database: Database, database_url: str) -> None:
    async with database.connection() as connection:
        await connection.execute("INSERT INTO schema_migrations (name) VALUES ('9999_from_the_future_breaking')")
    other = Database(address_of(database_url))
    with pytest.raises(CmctlError, match="9999_from_the_future_breaking"):
        await other.connect()


async def test_several_daemons_migrate_one_after_another(database_url: str) -> None:
    databases = [Database(address_of(database_url)) for _ in range(4)]
    await asyncio.gather(*(database.connect() for database in databases))
    await asyncio.gather(*(database.close() for database in databases))
