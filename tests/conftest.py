"""Fixtures that every layer may use."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.postgresql import PostgresqlCluster

ON_THE_RUNNING_STACK = frozenset(
    f"tests/acceptance/test_{name}.py" for name in ("dashboards", "runbook", "stack", "status_and_diagnose")
)

# A shell's background job is started with SIGINT ignored, and so would be every program the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


class FilesAndTheRunningStack(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests run in one process; so do all files that share the running stack, else each would start one."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "the running stack" if file in ON_THE_RUNNING_STACK else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesAndTheRunningStack:
    """Called where tests are shared out to processes."""
    return FilesAndTheRunningStack(config, log)


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
