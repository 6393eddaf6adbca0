"""Nothing that got a 2xx is lost and nothing is stored twice: kill -9, PostgreSQL away, the journal's disk full."""

import asyncio
import json
import random
import resource
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster
from tests.support.soak import length

KILLS = length(5, 50)
AWAY_SECONDS = length(0, 60)
SENDERS = 8
START = "2025-07-07T12:00:00Z"


@dataclass
class Sender:
    """Posts alerts that are all different, each until it is acknowledged, as Alertmanager retries."""

    port: int
    acknowledged: list[str] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    progress: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, number: int) -> None:
        """Send until told to stop."""
        sequence = 0
        while not self.stopping.is_set():
            name = f"load-{number}-{sequence}"
            if await self._post(name):
                self.acknowledged.append(name)
                self.progress.set()
                sequence += 1

    async def _post(self, name: str) -> bool:
        alert = {"status": "firing", "labels": {"alertname": name}, "startsAt": START}
        body = json.dumps({"version": "4", "alerts": [alert]}).encode()
        head = f"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(head.encode() + body)
                    line = await reader.readline()
                    await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            await asyncio.sleep(0.01)
            return False
        status = int(line.split()[1]) if line else 0
        if status != 200:
            self.refusals[status] += 1
            await asyncio.sleep(0.01)
        return status == 200

    async def wait_for_more(self, count: int) -> None:
        """Return once this many more were acknowledged."""
        target = len(self.acknowledged) + count
        async with asyncio.timeout(60):
            while len(self.acknowledged) < target:
                self.progress.clear()
                await self.progress.wait()


class Load:
    """Several senders at once for the length of a block."""

    def __init__(self, port: int) -> None:
        self.sender = Sender(port)

    async def __aenter__(self) -> Sender:
        self._tasks = [asyncio.create_task(self.sender.run(number)) for number in range(SENDERS)]
        return self.sender

    async def __aexit__(self, *_: object) -> None:
        self.sender.stopping.set()
        await asyncio.gather(*self._tasks)


def stored_names(daemon: DaemonProcess) -> list[str]:
    """Names of all alerts, read with cmctl."""
    listed = daemon.cmctl("alerts", "list", "-o", "json")
    assert listed.returncode == 0, listed.stderr
    return [alert["name"] for alert in json.loads(listed.stdout)]


def logged_names(daemon: DaemonProcess) -> list[str]:
    """Names in alerts.log; the last line may be torn by a kill."""
    lines = (daemon.data_dir / "log" / "alerts.log").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["name"] for line in lines if line.endswith("}")]


def assert_nothing_lost_or_doubled(daemon: DaemonProcess, acknowledged: list[str]) -> None:
    """Every acknowledged alert is stored once and logged once."""
    daemon.wait_for_database()
    daemon.wait_until_moved(60)
    stored = Counter(stored_names(daemon))
    assert [name for name in acknowledged if name not in stored] == []
    assert [name for name, count in stored.items() if count > 1] == []
    logged = Counter(logged_names(daemon))
    assert [name for name in acknowledged if logged[name] != 1] == []


@pytest.fixture
def daemon(postgresql_cluster: PostgresqlCluster, tmp_path: Path) -> Iterator[DaemonProcess]:
    """A daemon with PostgreSQL, not started; ended after the test."""
    process = DaemonProcess(tmp_path, postgresql_cluster)
    yield process
    process.kill()


@pytest.mark.soak
async def test_kill_9_under_load(daemon: DaemonProcess) -> None:
    chance = random.Random(20250707)
    await asyncio.to_thread(daemon.start)
    async with Load(daemon.port) as sender:
        for _ in range(KILLS):
            await sender.wait_for_more(chance.randint(20, 400))
            await asyncio.to_thread(daemon.kill)
            await asyncio.to_thread(daemon.start)
        await sender.wait_for_more(20)
    await asyncio.to_thread(assert_nothing_lost_or_doubled, daemon, sender.acknowledged)
    assert daemon.stop() == 0


@pytest.mark.soak
async def test_postgresql_goes_away_and_comes_back_under_load(
    own_postgresql: PostgresqlCluster, tmp_path: Path
) -> None:
    daemon = DaemonProcess(tmp_path, own_postgresql)
    with daemon.running():
        daemon.wait_for_database()
        async with Load(daemon.port) as sender:
            await sender.wait_for_more(50)
            await asyncio.to_thread(own_postgresql.kill)
            await sender.wait_for_more(200)
            await asyncio.sleep(AWAY_SECONDS)  # the load goes on
            during = await asyncio.to_thread(daemon.cmctl, "alerts", "list", "--limit", "1")
            await asyncio.to_thread(daemon.kill)  # the journal alone must carry what came meanwhile
            await asyncio.to_thread(daemon.start)
            await sender.wait_for_more(50)
            await asyncio.to_thread(own_postgresql.start)
            await sender.wait_for_more(50)
        await asyncio.to_thread(assert_nothing_lost_or_doubled, daemon, sender.acknowledged)
    assert during.returncode == 0
    assert "does not answer" in during.stderr
    assert set(sender.refusals) <= {0}, "0 is a connection cut by the kill"


def test_a_full_disk_is_a_503_and_acknowledges_nothing(daemon: DaemonProcess) -> None:
    """A limit on file size stands in for the full disk; it works for every user and can be lifted while running."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))

    def post(name: str) -> int:
        return daemon.post({"alerts": [{"labels": {"alertname": name}, "annotations": {"text": "x" * 5000}}]})[0]

    daemon.start(preexec_fn=limit)
    assert daemon.process is not None
    answers = {f"full-{number}": post(f"full-{number}") for number in range(30)}
    assert set(answers.values()) == {200, 503}
    assert daemon.get("/ready")["ready"] is False
    assert daemon.get("/health")["components"]["journal"]["status"] == "down"
    psutil.Process(daemon.process.pid).rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    refused = [name for name, status in answers.items() if status == 503]
    for name in refused:
        assert post(name) == 200  # the sender's retry
    assert daemon.get("/ready")["ready"] is True
    daemon.kill()
    daemon.start()
    daemon.wait_for_database()
    daemon.wait_until_moved()
    assert sorted(stored_names(daemon)) == sorted(answers)


async def test_sigterm_drains(daemon: DaemonProcess) -> None:
    await asyncio.to_thread(daemon.start)
    daemon.wait_for_database()
    async with Load(daemon.port) as sender:
        await sender.wait_for_more(100)
        assert await asyncio.to_thread(daemon.stop) == 0
        sender.stopping.set()
    await asyncio.to_thread(daemon.start)
    await asyncio.to_thread(assert_nothing_lost_or_doubled, daemon, sender.acknowledged)


def test_a_second_daemon_on_the_same_data_is_refused(daemon: DaemonProcess) -> None:
    daemon.start()
    second = daemon.cmctl("serve")
    assert second.returncode == 5
    assert "a control plane already runs on" in second.stderr


def test_a_taken_port_is_named(daemon: DaemonProcess, tmp_path: Path) -> None:
    daemon.start()
    other = DaemonProcess(tmp_path / "other")
    other.data_dir.joinpath("etc", "cmctl.yml").write_text(
        daemon.data_dir.joinpath("etc", "cmctl.yml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    refused = other.cmctl("serve")
    assert refused.returncode == 1
    assert f":{daemon.port} is already in use" in refused.stderr
    wait_for(lambda: daemon.get("/ready")["ready"])
