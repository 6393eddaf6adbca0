"""A real PostgreSQL, its set and its WAL, encrypted in another place: all that is left, and all that is needed."""

import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from controlplane.adapters.backup.catalogue import Catalogue, write_json
from controlplane.adapters.backup.copy_local import CopyFiles, CopySets, CopyWal
from controlplane.adapters.backup.hashes import HashCache
from controlplane.adapters.backup.packing import Packing, new_identity, unpacker
from controlplane.adapters.backup.physical import PhysicalBackups, require_what_was_sent
from controlplane.adapters.backup.places.directory import DirectoryPlace
from controlplane.adapters.backup.recovery import Recovery
from controlplane.adapters.backup.restore_sets import RestoreSets
from controlplane.adapters.backup.server import BackupServer
from controlplane.adapters.backup.wal_archive import LIFE, WalArchive
from controlplane.adapters.unprivileged import runner
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.target import RecoveryTarget
from controlplane.errors import Refused
from controlplane.services.backup.copy import Copier, Fetcher
from controlplane.services.backup.create import BackupMaker
from tests.integration.backup.test_copies import Silent
from tests.support.postgresql import PostgresqlCluster, binaries
from tests.support.stack import wait_until

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "backup-manifest.schema.json"
DATABASE = "postgres"


class Nothing:
    """Stands in for the vectors and the configuration: they are not what is tried here."""

    def take(self, target: Path, unless: str | None = None) -> dict[str, str | int | float | None]:
        target.mkdir()
        (target / "some").write_text("thing")
        return {"count": 1}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Which PostgreSQL's own account may pass through."""
    path = Path(tempfile.mkdtemp(prefix="claude-memory-copies-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cluster() -> Iterator[PostgresqlCluster]:
    cluster = PostgresqlCluster({"summarize_wal": "on"})
    try:
        cluster.start()
        execute(cluster, "CREATE TABLE numbers AS SELECT n, md5(n::text) FROM generate_series(1, 5000) AS n")
        yield cluster
    finally:
        cluster.remove()


def execute(cluster: PostgresqlCluster, statement: str) -> Any:
    with psycopg.connect(cluster.conninfo(DATABASE), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None


def maker(cluster: PostgresqlCluster, catalogue: Catalogue) -> BackupMaker:
    server = BackupServer(cluster.host, cluster.port, "postgres", lambda: cluster.password)
    return BackupMaker(
        store=catalogue,
        source=server,
        physical=PhysicalBackups(server, cluster.bin, {}),
        vectors=Nothing(),
        configuration=Nothing(),
        databases=(DATABASE, DATABASE),
        full_every=timedelta(days=7),
        made_by={},
        clock=now,
        free_bytes=lambda: 10**12,
    )


def archived(cluster: PostgresqlCluster, catalogue: Catalogue) -> Path:
    """Everything up to now, in finished files of the archive."""
    life = catalogue.folder / "wal" / "0001"
    life.mkdir(parents=True)
    system = execute(cluster, "SELECT system_identifier::text FROM pg_control_system()")[0]
    write_json(life / LIFE, {"system_identifier": system, "started_at": now().isoformat()})
    return life


def test_all_but_the_copies_is_lost(cluster: PostgresqlCluster, folder: Path) -> None:
    secret, public = new_identity()
    (folder / "key").write_text(secret)
    (folder / "place").mkdir()
    place, catalogue = DirectoryPlace("disk", folder / "place"), Catalogue(folder / "backups")
    catalogue.create()
    life = archived(cluster, catalogue)
    receive = [str(cluster.bin / "pg_receivewal"), f"--directory={life}", "--synchronous", "--slot=copies"]
    environment = {"PGHOST": cluster.host, "PGPORT": str(cluster.port), "PGUSER": "postgres"}
    execute(cluster, "SELECT pg_create_physical_replication_slot('copies', true)")
    with subprocess.Popen(receive, env={**environment, "PGPASSWORD": cluster.password}, cwd="/") as receiver:
        try:
            full = maker(cluster, catalogue).make(True, Silent())
            execute(cluster, "INSERT INTO numbers SELECT n, 'child' FROM generate_series(5001, 5500) AS n")
            child = maker(cluster, catalogue).make(False, Silent())
            execute(cluster, "INSERT INTO numbers SELECT n, 'late' FROM generate_series(5501, 6000) AS n")
            name = execute(cluster, "SELECT pg_walfile_name(pg_current_wal_lsn())")[0]
            execute(cluster, "SELECT pg_switch_wal()")
            wait_until((life / name).exists, what=f"{name} in the archive")
        finally:
            receiver.send_signal(signal.SIGTERM)
    assert (child.kind, child.parent_id) == ("incremental", full.id)
    for made in (full, child):  # PostgreSQL's own checksums are understood
        require_what_was_sent(catalogue.path(made.id) / "postgresql", HashCache())
    _fits_the_published_schema(catalogue, child)
    _another_major_version_is_refused(catalogue, child)
    sets = CopySets(catalogue, Silent())
    wal = CopyWal(WalArchive(catalogue.folder / "wal"))
    done = Copier(place, Packing([public]), sets, CopyFiles(), wal, now).copy((), Silent())
    assert set(done.sets) == {full.id, child.id}

    cluster.stop()
    shutil.rmtree(catalogue.folder)
    run = runner(binaries(), folder, lambda _: None)
    back = CopyWal(WalArchive(catalogue.folder / "wal"), run.own)
    fetched = Fetcher(place, unpacker(folder / "key"), sets, CopyFiles(), back, now).fetch("latest", Silent())
    assert [item.id for item in fetched] == [full.id, child.id]
    recovery = Recovery(run, binaries(), {}, "postgres", "whatever")
    recovery.combine([catalogue.path(item.id) / "postgresql" for item in fetched], folder / "data")
    lives = WalArchive(catalogue.folder / "wal").lives()
    counted = recovery.recover(
        folder / "data", RecoveryTarget(), "latest", lives, {DATABASE: ("numbers",)}, folder / "log"
    )
    assert counted.counts == {"numbers": 6000}


def _fits_the_published_schema(catalogue: Catalogue, made: Manifest) -> None:
    raw = json.loads((catalogue.path(made.id) / "manifest.json").read_text(encoding="utf-8"))
    jsonschema.validate(raw, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert raw["parts"][0]["details"]["server_version"] // 10000 == 18


def _another_major_version_is_refused(catalogue: Catalogue, made: Manifest) -> None:
    sets = RestoreSets(catalogue, WalArchive(catalogue.folder / "wal"), binaries(16))
    with pytest.raises(Refused) as told:
        sets.require_version(made)
    assert told.value.message == f"set {made.id} is of PostgreSQL 18, and the programs here are of PostgreSQL 16"
    assert told.value.hint is not None
    assert "cmctl backup dump" in told.value.hint
    RestoreSets(catalogue, WalArchive(catalogue.folder / "wal"), binaries()).require_version(made)
