"""Disks that are full: PostgreSQL's, and the journal's with the real Alertmanager in front of it."""

import os
import resource
import secrets
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

from tests.support.alertmanager import POSTS_TO, AlertmanagerServer
from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster, server_account
from tests.support.soak import length

ALERTS = length(400, 4000)
TMPFS_MB = length(120, 200)
FILE_LIMIT_BYTES = 2_000_000
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

pytestmark = pytest.mark.soak


class FullDisk(Protocol):
    """A PostgreSQL whose disk can be filled and emptied."""

    cluster: PostgresqlCluster

    def fill(self) -> None:
        """From now on next to nothing fits."""
        ...

    def empty(self) -> None:
        """There is room again."""
        ...


class LimitedFiles:
    """Stand-in for a full disk that every user can make: no file of the server's may grow beyond a limit."""

    def __init__(self, cluster: PostgresqlCluster) -> None:
        self.cluster = cluster

    def fill(self) -> None:
        """Limit the files of the server's processes; those to come inherit it."""
        self.cluster.limit_file_size(FILE_LIMIT_BYTES)

    def empty(self) -> None:
        """Lift the limit."""
        self.cluster.limit_file_size(None)


class SmallDisk:
    """A real small disk (tmpfs), full with a file that takes all but a little. Needs root."""

    def __init__(self, cluster: PostgresqlCluster) -> None:
        self.cluster = cluster
        mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m,mode=700", "tmpfs", str(cluster.folder)]
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            pytest.skip("this machine does not let root mount a tmpfs")
        os.chown(cluster.folder, server_account().pw_uid, server_account().pw_gid)

    @property
    def _ballast(self) -> Path:
        return self.cluster.folder / "ballast"

    def fill(self) -> None:
        """Leave half a megabyte."""
        disk = os.statvfs(self.cluster.folder)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - 500_000)

    def empty(self) -> None:
        """Delete the ballast; a server that could not go on without room is started again."""
        self._ballast.unlink()
        self.cluster.stop()
        self.cluster.start()


@pytest.fixture(params=["limit", "tmpfs"])
def disk(request: pytest.FixtureRequest) -> Iterator[FullDisk]:
    """A running PostgreSQL on a disk that can be full."""
    if request.param == "tmpfs" and os.geteuid() != 0:
        pytest.skip("mounting a file system needs root; the case before stands for it")
    cluster = PostgresqlCluster({"synchronous_commit": "on", "wal_init_zero": "on"}, wal_segment_mb=1)
    is_mounted = False
    try:
        made = SmallDisk(cluster) if request.param == "tmpfs" else LimitedFiles(cluster)
        is_mounted = request.param == "tmpfs"
        cluster.start()
        yield made
    finally:
        cluster.stop()
        if is_mounted:
            subprocess.run(["umount", str(cluster.folder)], check=True)
        cluster.remove()


def bulky(number: int) -> dict[str, Any]:
    """An alert that takes about 16 kB on disk, whatever compresses."""
    return {"labels": {"alertname": f"bulky-{number}"}, "annotations": {"description": secrets.token_hex(8000)}}


def names(daemon: DaemonProcess) -> list[str]:
    """Names of all stored alerts."""
    found: list[str] = []
    after = ""
    while True:
        page = daemon.get(f"/api/v1/alerts?limit=1000{after}")
        found += [alert["name"] for alert in page]
        if len(page) < 1000:
            return found
        last = page[-1]
        after = f"&after={last['state']},{last['starts_at'].replace('+', '%2B')},{last['fingerprint']}"


def test_a_full_disk_of_postgresql_costs_no_alert(disk: FullDisk, tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path, disk.cluster)
    with daemon.running():
        daemon.wait_for_database()
        disk.fill()
        for first in range(0, ALERTS, 20):
            status, _ = daemon.post({"alerts": [bulky(number) for number in range(first, first + 20)]})
            assert status == 200
        wait_for(lambda: b"Alerts stay in the journal for now" in daemon.log.read_bytes(), 60)
        assert daemon.metric("cmctl_journal_pending_records") > 0
        daemon.kill()
        daemon.start()
        assert daemon.get("/ready")["ready"] is True
        disk.empty()
        daemon.wait_for_database()
        daemon.wait_until_moved(120)
        assert daemon.metric("cmctl_journal_refused_records_total") == 0
        assert sorted(names(daemon)) == sorted(f"bulky-{number}" for number in range(ALERTS))


def test_alertmanagers_own_retry_completes_what_a_full_journal_refused(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path
) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

    daemon = DaemonProcess(tmp_path, postgresql_cluster)
    daemon.start(preexec_fn=limit)
    alertmanager = AlertmanagerServer(POSTS_TO.format(resolve_timeout="5m", port=daemon.port))
    try:
        for size in (5000, 500, 1):  # until not even the smallest fits
            wait_for(lambda: daemon.post({"alerts": [{"annotations": {"text": "x" * size}}]})[0] == 503)  # noqa: B023 - asked at once
        refused = daemon.labelled_metric("cmctl_webhook_requests_total", code="503")
        alertmanager.start()
        now = datetime.now(UTC).isoformat()
        alertmanager.post({"labels": {"alertname": "ToldAgain", "severity": "critical"}, "startsAt": now})
        wait_for(lambda: daemon.labelled_metric("cmctl_webhook_requests_total", code="503") > refused)
        assert daemon.get("/api/v1/alerts?label=alertname%3DToldAgain") == []
        assert daemon.process is not None
        psutil.Process(daemon.process.pid).rlimit(psutil.RLIMIT_FSIZE, UNLIMITED)
        wait_for(lambda: daemon.get("/api/v1/alerts?label=alertname%3DToldAgain"))
        assert daemon.stop() == 0
    finally:
        alertmanager.remove()
        daemon.kill()
