"""Fixtures that every layer may use."""

import signal
from collections.abc import Iterator

import pytest

from tests.support.postgresql import PostgresqlCluster

# A shell's background job is started with SIGINT ignored, and so would be every program the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests run in one process; so do all that share the running stack, else each process would have one."""
    for item in items:
        is_shared = "running_stack" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("running_stack" if is_shared else item.location[0]))


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """A running PostgreSQL 18 shared by the whole run. Do not stop it; use ``own_postgresql`` for that."""
    cluster = PostgresqlCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def database_url(postgresql_cluster: PostgresqlCluster) -> Iterator[str]:
    """postgresql:// URL of a fresh, empty database; dropped after the test."""
    name = postgresql_cluster.create_database()
    yield postgresql_cluster.conninfo(name)
    postgresql_cluster.drop_database(name)


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlCluster]:
    """A running PostgreSQL of this test's own, to be stopped, killed and paused at will; commits survive a kill."""
    cluster = PostgresqlCluster({"synchronous_commit": "on"})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()
