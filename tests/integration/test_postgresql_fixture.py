"""The PostgreSQL that the other tests rely on."""

import psycopg

from tests.support.postgresql import PostgresqlCluster


def test_every_database_is_fresh(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_user_tables").fetchone()
    assert row == (0,)


def test_data_survive_kill_and_restart(own_postgresql: PostgresqlCluster) -> None:
    with psycopg.connect(own_postgresql.conninfo()) as connection:
        connection.execute("CREATE TABLE kept (value int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    own_postgresql.stop()
    own_postgresql.start()
    own_postgresql.kill()
    own_postgresql.start()
    with psycopg.connect(own_postgresql.conninfo()) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
