"""postgres and database_size against a real PostgreSQL: up, down, paused, refusing, and something else."""

from dataclasses import replace

import psycopg
import pytest

from controlplane.adapters.postgresql_client import Connect
from controlplane.adapters.probes.database_size import DatabaseSizeProbe
from controlplane.adapters.probes.postgres import PostgresProbe
from controlplane.domain.check import CheckState, Limits
from controlplane.services.checks import observe_within
from tests.support.peers import garbage, serving, silent
from tests.support.postgresql import PostgresqlCluster

OK, WARNING, CRITICAL, UNKNOWN = CheckState.OK, CheckState.WARNING, CheckState.CRITICAL, CheckState.UNKNOWN


def target(cluster: PostgresqlCluster) -> Connect:
    return Connect("127.0.0.1", cluster.port, "postgres", "postgres", lambda: cluster.password)


def elsewhere(port: int) -> Connect:
    return Connect("127.0.0.1", port, "postgres", "postgres", lambda: "x")


async def test_up(postgresql_cluster: PostgresqlCluster) -> None:
    seen = await PostgresProbe(target(postgresql_cluster), 10, Limits()).observe()
    assert seen.state == OK
    assert "postgres answers, read-write, " in seen.message
    assert seen.unit == "%"


async def test_limits_apply_to_the_connections(postgresql_cluster: PostgresqlCluster) -> None:
    assert (await PostgresProbe(target(postgresql_cluster), 10, Limits(warning=0)).observe()).state == WARNING


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"password": lambda: "wrong"}, "password authentication failed", id="wrong password"),
        pytest.param({"user": "nobody_here"}, "authentication failed", id="no such role"),
        pytest.param({"database": "nope"}, 'database "nope" does not exist', id="no such database"),
    ],
)
async def test_refused(postgresql_cluster: PostgresqlCluster, change: dict[str, object], message: str) -> None:
    seen = await PostgresProbe(replace(target(postgresql_cluster), **change), 10, Limits()).observe()  # type: ignore[arg-type]
    assert (seen.state, message in seen.message) == (CRITICAL, True), seen
    assert "wrong" not in seen.message


async def test_down(refused_port: int) -> None:
    seen = await PostgresProbe(elsewhere(refused_port), 10, Limits()).observe()
    assert (seen.state, "refused" in seen.message) == (CRITICAL, True), seen
    size = await DatabaseSizeProbe(elsewhere(refused_port), "postgres", 10, Limits()).observe()
    assert size.state == UNKNOWN


async def test_paused(own_postgresql: PostgresqlCluster) -> None:
    probe = PostgresProbe(target(own_postgresql), 0.3, Limits())
    own_postgresql.pause()
    try:
        seen = await observe_within(probe, 0.3)
        assert (seen.state, seen.timed_out) == (UNKNOWN, True)
    finally:
        own_postgresql.resume()


async def test_silent() -> None:
    with serving(silent) as port:
        seen = await observe_within(PostgresProbe(elsewhere(port), 0.3, Limits()), 0.3)
    assert (seen.state, seen.timed_out) == (UNKNOWN, True)


async def test_garbage() -> None:
    with serving(garbage) as port:
        seen = await PostgresProbe(elsewhere(port), 10, Limits()).observe()
    assert seen.state == CRITICAL


async def test_size(postgresql_cluster: PostgresqlCluster) -> None:
    probe = DatabaseSizeProbe(target(postgresql_cluster), "postgres", 10, Limits(1, 1e15))
    seen = await probe.observe()
    with psycopg.connect(postgresql_cluster.conninfo()) as connection:
        row = connection.execute("SELECT pg_database_size('postgres')").fetchone()
    assert row is not None
    assert (seen.state, seen.unit) == (WARNING, "B")
    assert seen.value == pytest.approx(row[0], rel=0.5)


async def test_size_of_no_database(postgresql_cluster: PostgresqlCluster) -> None:
    seen = await DatabaseSizeProbe(target(postgresql_cluster), "nope'; DROP", 10, Limits()).observe()
    assert (seen.state, seen.message) == (UNKNOWN, "database nope'; DROP does not exist")
