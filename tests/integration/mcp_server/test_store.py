"""The store on a real PostgreSQL: schema, migrations, concurrency, the outbox."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege

from mcp_server.adapters.store.postgresql import PostgresqlStore
from mcp_server.adapters.store.schema import migrate, migrations
from mcp_server.domain.memory import Collection, Filter, NewMemory
from mcp_server.domain.terms import terms_of
from mcp_server.domain.weights import TermStatistics, weigh
from mcp_server.errors import StoreUnavailable
from tests.support.postgresql import PostgresqlCluster, binaries

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


async def keyword(store: PostgresqlStore, text: str, chosen: Filter | None = None) -> list[str]:
    ids = await store.keyword(weigh(terms_of(text), TermStatistics()), chosen or Filter(), 10)
    return [memory.content for memory in await store.get(ids)]


async def test_schema_and_migrations_end_in_the_same_database(postgresql_cluster: PostgresqlCluster) -> None:
    dumps = []
    for from_scratch in (False, True):
        name = postgresql_cluster.create_database()
        url = postgresql_cluster.conninfo(name)
        async with await psycopg.AsyncConnection.connect(url) as connection:
            assert await migrate(connection, from_scratch=from_scratch) == max(migrations())
        dumps.append(_dump(url))
        postgresql_cluster.drop_database(name)
    assert dumps[0] == dumps[1]
    assert "CREATE TABLE public.memories" in dumps[0]


def _dump(url: str) -> str:
    program = str(binaries() / "pg_dump")
    done = subprocess.run([program, "--schema-only", "-d", url], capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def test_migrations_are_numbered_without_a_gap() -> None:
    assert list(migrations()) == list(range(1, len(migrations()) + 1))


async def test_several_servers_may_start_at_once(database_url: str) -> None:
    async def start() -> int:
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            return await migrate(connection)

    assert set(await asyncio.gather(*(start() for _ in range(6)))) == {max(migrations())}


async def test_a_schema_that_a_newer_version_has_added_to_is_fine(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        newest = await migrate(connection)
        await connection.execute("INSERT INTO schema_version (version) VALUES (%s)", (newest + 1,))
        await connection.commit()
        assert await migrate(connection) == newest


async def test_a_newer_schema_is_not_touched(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await migrate(connection)
        await connection.execute("INSERT INTO schema_version (version) VALUES (999)")
        await connection.commit()
        with pytest.raises(StoreUnavailable, match="schema version 999"):
            await migrate(connection)


async def test_a_role_that_may_only_change_rows_works_on_a_current_schema_and_says_what_an_old_one_needs(
    database_url: str,
) -> None:
    role = f"application_{uuid4().hex}"
    async with await AsyncConnection.connect(database_url, autocommit=True) as owner:
        await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'sesame'")
        try:
            as_application = make_conninfo(database_url, user=role, password="sesame")
            async with await AsyncConnection.connect(as_application) as application:
                with pytest.raises(StoreUnavailable, match="may not change them"):
                    await migrate(application)
            newest = await migrate(owner)
            await owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
            async with await AsyncConnection.connect(as_application) as application:
                assert await migrate(application) == newest
                with pytest.raises(InsufficientPrivilege):
                    await application.execute("CREATE TABLE t (i int)")
        finally:
            await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_batch_keeps_its_order_in_time(store: PostgresqlStore) -> None:
    await store.add([NewMemory(str(number)) for number in range(20)], NOON)
    assert [memory.content for memory in await store.recent(Filter(), 3)] == ["19", "18", "17"]


async def test_writers_of_the_same_texts_do_not_block_each_other(store: PostgresqlStore) -> None:
    texts = [f"text {number}" for number in range(50)]
    batches = [[NewMemory(text, session=f"s{len(text)}") for text in order] for order in (texts, texts[::-1]) * 4]
    outcomes = await asyncio.gather(*(store.add(batch, NOON) for batch in batches))
    assert sum(added.created for outcome in outcomes for added in outcome) == 50
    assert len({added.id for outcome in outcomes for added in outcome}) == 50


async def test_closing_leaves_no_connection_in_the_middle_of_its_greeting(
    store: PostgresqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.gather(*(store.add([NewMemory(f"text {number}")], NOON) for number in range(8)))
    await store.close()
    assert not [record for record in caplog.records if record.name.startswith("psycopg.pool")]


async def test_a_large_memory_can_be_stored_and_found(store: PostgresqlStore) -> None:
    chinese = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(31_000))
    await store.add([NewMemory(chinese + " needle"), NewMemory("x " * 16_000)], NOON)
    assert (await keyword(store, chinese[1000:1004]))[0].startswith(chinese[:10])


async def test_rare_words_rank_above_common_ones(store: PostgresqlStore) -> None:
    await store.add([NewMemory(f"server report {number}") for number in range(300)], NOON)
    await store.add([NewMemory("server migration plan")], NOON)
    statistics = await store.term_statistics()
    assert statistics.documents == 301
    assert statistics.frequencies["server"] == 301
    found = await store.keyword(weigh(terms_of("report of the migration"), statistics), Filter(), 3)
    assert (await store.get(found[:1]))[0].content == "server migration plan"


async def test_keyword_search_obeys_filters(store: PostgresqlStore) -> None:
    await store.add([NewMemory("alpha one", "a", "note")], NOON)
    await store.add([NewMemory("alpha two", "b", "fact")], NOON + timedelta(hours=1))
    assert set(await keyword(store, "alpha")) == {"alpha one", "alpha two"}
    assert await keyword(store, "alpha", Filter(session="a")) == ["alpha one"]
    assert await keyword(store, "alpha", Filter(kind="fact")) == ["alpha two"]
    assert await keyword(store, "alpha", Filter(since=NOON + timedelta(minutes=30))) == ["alpha two"]
    assert await keyword(store, "alpha", Filter(until=NOON + timedelta(minutes=30))) == ["alpha one"]


async def test_an_outbox_entry_that_changed_meanwhile_stays(store: PostgresqlStore) -> None:
    (added,) = await store.add([NewMemory("x")], NOON)
    assert [memory.id for memory in await store.pending(10)] == [added.id]
    await store.delete([added.id])
    await store.settle([added.id], [])
    assert await store.pending_deletions(10) == [added.id]
    await store.settle([], [added.id])
    assert await store.pending_count() == 0


async def test_a_new_collection_puts_everything_into_the_outbox(store: PostgresqlStore) -> None:
    await store.add([NewMemory(str(number)) for number in range(3)], NOON)
    pending = [memory.id for memory in await store.pending(10)]
    await store.settle(pending, [])
    assert {id async for page in store.indexed_ids() for id in page} == set(pending)
    collection = Collection("model", 4, uuid4())
    await store.start_collection(collection)
    assert await store.collection() == collection
    assert await store.pending_count() == 3
    assert [page async for page in store.indexed_ids()] == []
