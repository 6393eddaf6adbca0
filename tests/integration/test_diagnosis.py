"""Examiners of the troubleshooting trees against real processes, ports, databases and files."""

import fcntl
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from controlplane.adapters.diagnosis import alerting, components, postgresql, qdrant
from controlplane.adapters.log_files import LogFile
from controlplane.adapters.postgresql_client import Connect
from controlplane.config.load import parse
from controlplane.config.paths import DataLayout
from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.domain.diagnosis import TREES, Outcome
from controlplane.errors import CmctlError
from controlplane.services.diagnose import Diagnosis
from controlplane.wiring.diagnose import build_diagnosis, profile_alerts
from tests.support.peers import http, serving
from tests.support.postgresql import PostgresqlCluster

FINE, FAULTY, UNKNOWN = Outcome.FINE, Outcome.FAULTY, Outcome.UNKNOWN


class Managed:
    """A service manager that says one thing about everything."""

    def __init__(self, pid: int | None = None, state: ComponentState = ComponentState.RUNNING) -> None:
        self._pid = pid
        self._state = state

    def statuses(self) -> list[ComponentStatus]:
        return []

    def status(self, component: str) -> ComponentStatus:
        return ComponentStatus(component, self._state, self._pid)

    def start(self, component: str) -> None:
        raise AssertionError

    stop = restart = reload = start


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield held


def test_every_step_has_an_examiner(tmp_path: Path) -> None:
    settings = parse({"data_dir": str(tmp_path)}, "test")
    diagnosis = build_diagnosis(settings, DataLayout(tmp_path), Managed())
    keys = {step.key for tree in TREES.values() for step in tree.steps}
    assert keys == set(_examiners(diagnosis))


def _examiners(diagnosis: Diagnosis) -> set[str]:
    return set(vars(diagnosis)["_examiners"])


def test_the_profile_brings_the_rules_of_the_runbook() -> None:
    assert {"ClaudeMemoryMCPDown", "ClaudeMemoryPostgresDown", "ClaudeMemoryQdrantDown"} <= set(
        profile_alerts("claude-memory")
    )


async def test_a_port_held_by_someone_else_is_named(listener: socket.socket) -> None:
    number = listener.getsockname()[1]
    seen = await components.port(Managed(pid=1), "mcp_server", number)
    # In a container, process 1 may well be an ancestor of the tests.
    held_by_us = await components.port(Managed(pid=os.getpid()), "mcp_server", number)
    assert held_by_us.outcome == FINE
    assert seen.outcome in (FAULTY, FINE)
    foreign = await components.port(Managed(pid=None), "mcp_server", number)
    assert (foreign.outcome, f"pid {os.getpid()}" in foreign.detail) == (FAULTY, True)


async def test_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        number = held.getsockname()[1]
    assert (await components.port(Managed(), "mcp_server", number)).outcome == FINE


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(ComponentState.RUNNING, FINE), (ComponentState.FAILED, FAULTY), (ComponentState.UNKNOWN, UNKNOWN)],
)
async def test_process(state: ComponentState, outcome: Outcome) -> None:
    assert (await components.process(Managed(7, state), "prometheus")).outcome == outcome


async def test_the_last_error_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    path.write_text("2026-01-01 00:00:01,000 ERROR first\n2026-01-01 00:00:02,000 INFO fine\n", encoding="utf-8")
    seen = await components.log(LogFile("c", path, UTC))
    assert (seen.outcome, "ERROR first" in seen.detail) == (FAULTY, True)


@pytest.mark.parametrize(("content", "outcome"), [("a: 1", FINE), ("- a", FAULTY), ("a: [", FAULTY), (None, FAULTY)])
async def test_configuration(tmp_path: Path, content: str | None, outcome: Outcome) -> None:
    path = tmp_path / "mcp.yml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert (await components.configuration(path)).outcome == outcome


async def test_packages() -> None:
    assert (await components.packages(["json"])).outcome == FINE
    missing = await components.packages(["json", "no_such_package"])
    assert (missing.outcome, missing.detail) == (FAULTY, "missing: no_such_package")


HEALTH = b'{"status": "degraded", "components": {"qdrant": {"status": "down", "detail": "locked"}}}'


async def test_health_page_names_the_part_that_is_down() -> None:
    with serving(http(HEALTH, "503 Service Unavailable")) as port:
        whole = await components.health_document(f"http://127.0.0.1:{port}/health", 10)
        part = await components.health_part(f"http://127.0.0.1:{port}/health", "qdrant", 10)
        other = await components.health_part(f"http://127.0.0.1:{port}/health", "other", 10)
    assert (whole.outcome, whole.detail) == (FAULTY, "qdrant: locked")
    assert (part.outcome, part.detail) == (FAULTY, "qdrant is down: locked")
    assert other.outcome == UNKNOWN


def connect(cluster: PostgresqlCluster, database: str = "postgres") -> Connect:
    return Connect("127.0.0.1", cluster.port, database, "postgres", lambda: cluster.password)


async def test_login(postgresql_cluster: PostgresqlCluster) -> None:
    assert (await postgresql.login(connect(postgresql_cluster), 10)).outcome == FINE
    with pytest.raises(CmctlError, match="PostgreSQL refuses postgres on postgres: password authentication failed"):
        await postgresql.login(replace(connect(postgresql_cluster), password=lambda: "no"), 10)


async def test_tables(postgresql_cluster: PostgresqlCluster, database_url: str) -> None:
    empty = connect(postgresql_cluster, database_url.rpartition("/")[2])
    seen = await postgresql.tables(empty, postgresql.MEMORY_TABLES, 10)
    assert (seen.outcome, "has no memories, sessions" in seen.detail) == (FAULTY, True)
    assert (await postgresql.tables(empty, ["pg_class"], 10)).outcome == FINE


async def test_connections(postgresql_cluster: PostgresqlCluster) -> None:
    seen = await postgresql.connections(connect(postgresql_cluster), 10)
    assert (seen.outcome, "it can write" in seen.detail) == (FINE, True)


async def test_data_directory(tmp_path: Path, postgresql_cluster: PostgresqlCluster) -> None:
    folder = tmp_path / "data"
    assert "No such file" in (await postgresql.folder(folder)).detail
    folder.mkdir(mode=0o700)
    assert "PG_VERSION is missing" in (await postgresql.folder(folder)).detail
    (folder / "PG_VERSION").write_text("18", encoding="ascii")
    assert (await postgresql.folder(folder)).outcome == FINE
    folder.chmod(0o777)
    seen = await postgresql.folder(folder)
    assert (seen.outcome, "mode 0777" in seen.detail) == (FAULTY, True)


async def test_shard_lock(tmp_path: Path) -> None:
    lock_file = tmp_path / "lock"
    assert (await qdrant.lock(Managed(1), lock_file)).outcome == FINE
    with lock_file.open("w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ours = await qdrant.lock(Managed(os.getpid()), lock_file)
        theirs = await qdrant.lock(Managed(None), lock_file)
    assert (ours.outcome, theirs.outcome) == (FINE, FAULTY)
    assert f"pid {os.getpid()}" in theirs.detail


async def test_shard_folder(tmp_path: Path) -> None:
    assert (await qdrant.folder(Managed(os.getpid()), tmp_path)).outcome == FINE
    assert (await qdrant.folder(Managed(os.getpid()), tmp_path / "none")).outcome == FINE


async def test_webhook() -> None:
    with serving(http(b"{}")) as port:
        assert (await alerting.webhook_accepts(f"http://127.0.0.1:{port}/webhook", 10)).outcome == FINE
    with serving(http(b"bad", "400 Bad Request")) as port:
        seen = await alerting.webhook_accepts(f"http://127.0.0.1:{port}/webhook", 10)
    assert (seen.outcome, "HTTP status 400: bad" in seen.detail) == (FAULTY, True)
