"""The whole schema and the chain of migrations build the same database."""

import subprocess

import psycopg

from controlplane.adapters.store.migrate import migrate, migrations, schema
from tests.support.postgresql import PostgresqlCluster


def dump(cluster: PostgresqlCluster, database: str) -> str:
    """The schema as pg_dump tells it, without what differs from one dump to the next."""
    command = [str(cluster.bin / "pg_dump"), "--schema-only", "--no-owner", cluster.conninfo(database)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "--")))


def test_schema_and_migrations_agree(postgresql_cluster: PostgresqlCluster) -> None:
    whole, chain = postgresql_cluster.create_database(), postgresql_cluster.create_database()
    try:
        with psycopg.connect(postgresql_cluster.conninfo(whole), autocommit=True) as connection:
            connection.execute(schema())
        with psycopg.connect(postgresql_cluster.conninfo(chain), autocommit=True) as connection:
            for migration in migrations().values():
                connection.execute(migration)
        assert dump(postgresql_cluster, chain) == dump(postgresql_cluster, whole)
    finally:
        postgresql_cluster.drop_database(whole)
        postgresql_cluster.drop_database(chain)


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        assert await migrate(connection) == list(migrations())
        assert await migrate(connection) == []


async def test_a_database_in_the_middle_of_the_chain_gets_the_rest(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        first = next(iter(migrations()))
        await connection.execute(migrations()[first])
        await connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", [first])
        assert await migrate(connection) == list(migrations())[1:]
