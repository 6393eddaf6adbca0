"""A real daemon for HTTP tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess
from tests.support.postgresql import PostgresqlCluster


@pytest.fixture(scope="module")
def daemon(postgresql_cluster: PostgresqlCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon with PostgreSQL, shared by the tests of a module."""
    with DaemonProcess(tmp_path_factory.mktemp("daemon"), postgresql_cluster).running() as process:
        process.wait_for_database()
        yield process


@pytest.fixture
def lonely_daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """A daemon without PostgreSQL, of this test's own."""
    with DaemonProcess(tmp_path).running() as process:
        yield process
