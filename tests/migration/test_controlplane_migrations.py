"""The whole schema and the chain of migrations build the same database."""

import re
import subprocess

import psycopg
import pytest

from controlplane.adapters.store.migrate import BREAKING, migrate, migrations, schema
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


TAKES_AWAY = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|SCHEMA|TYPE)\b|\bRENAME\b|\bSET\s+NOT\s+NULL\b|\bALTER\s+COLUMN\s+\w+\s+(SET\s+DATA\s+)?TYPE\b"
    r"|\bADD\s+COLUMN\s[^,;]*\bNOT\s+NULL\b(?![^,;]*\bDEFAULT\b)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", migrations())
def test_a_migration_only_adds_unless_its_name_says_otherwise(name: str) -> None:
    """So that the release before works with the migrated database; see CONTRIBUTING.md."""
    statements = re.sub(r"--.*", "", migrations()[name])
    assert name.endswith(BREAKING) or not TAKES_AWAY.search(statements)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE alerts",
        "ALTER TABLE alerts\n  DROP COLUMN name",
        "ALTER TABLE alerts RENAME name TO title",
        "ALTER TABLE alerts ALTER COLUMN name SET NOT NULL",
        "ALTER TABLE alerts ALTER COLUMN name TYPE integer",
        "ALTER TABLE alerts ADD COLUMN name text NOT NULL",
    ],
)
def test_what_takes_away_is_seen(statement: str) -> None:
    assert TAKES_AWAY.search(statement)
