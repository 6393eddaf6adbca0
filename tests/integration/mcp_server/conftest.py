"""Fixtures of the memory server's integration tests."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from mcp_server.adapters.store.connection import Database
from mcp_server.adapters.store.postgresql import PostgresqlStore
from mcp_server.config import PostgreSQL, Secret
from tests.support.memory_server import MemoryServer
from tests.support.postgresql import PostgresqlCluster
from tests.support.qdrant_stand_in import QdrantStandIn


@pytest.fixture
def memory_database(postgresql_cluster: PostgresqlCluster) -> Iterator[str]:
    """Name of a fresh database."""
    name = postgresql_cluster.create_database()
    yield name
    postgresql_cluster.drop_database(name)


@pytest.fixture
async def store(
    postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path
) -> AsyncIterator[PostgresqlStore]:
    """A store on a fresh database."""
    password = tmp_path / "password"
    password.write_text(postgresql_cluster.password, encoding="utf-8")
    settings = PostgreSQL(
        port=postgresql_cluster.port, database=memory_database, user="postgres", password=Secret(file=password)
    )
    store = PostgresqlStore(Database(settings))
    yield store
    await store.close()


@pytest.fixture
def qdrant_url() -> Iterator[str]:
    """URL of a real Qdrant server when CMCTL_TEST_QDRANT_URL names one, else of the stand-in."""
    if url := os.environ.get("CMCTL_TEST_QDRANT_URL"):
        yield url
        return
    stand_in = QdrantStandIn()
    stand_in.start()
    yield stand_in.url
    stand_in.stop()
    assert stand_in.violations == []


@pytest.fixture
def collection_name() -> str:
    """A collection of this test's own."""
    return f"test_{uuid4().hex}"


@pytest.fixture
def memory_server(
    postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path
) -> Iterator[MemoryServer]:
    """A running server on a fresh database, with an Edge shard of its own."""
    server = MemoryServer(tmp_path / "server", postgresql_cluster, memory_database)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def module_server(
    postgresql_cluster: PostgresqlCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MemoryServer]:
    """A running server for the tests of one module; see ``shared_server``."""
    name = postgresql_cluster.create_database()
    server = MemoryServer(tmp_path_factory.mktemp("server"), postgresql_cluster, name)
    server.start()
    yield server
    server.stop()
    postgresql_cluster.drop_database(name)


@pytest.fixture
async def shared_server(module_server: MemoryServer) -> MemoryServer:
    """The module's server, without any memory."""
    await module_server.forget_everything()
    return module_server
