"""A real ``cmctl serve`` in a process of its own, on a data directory and ports of its own."""

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.support.postgresql import PostgresqlCluster, free_port

ROLE = "claude_memory_controlplane"
START_SECONDS = 30.0
CMCTL = str(Path(sys.executable).parent / "cmctl")


class DaemonProcess:
    """Starts, stops, kills and asks a daemon. Its data directory survives, as a real one would."""

    def __init__(
        self,
        data_dir: Path,
        cluster: PostgresqlCluster | None = None,
        settings: Mapping[str, Any] | None = None,
        port: int | None = None,
        beside: "DaemonProcess | None" = None,
    ) -> None:
        """Without a cluster, PostgreSQL's port is one that nobody answers on. ``beside``: on another one's database."""
        self.data_dir = data_dir
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data_dir / "serve.log"
        self.database = beside.database if beside else _prepare_database(cluster) if cluster else {}
        self._write_configuration(cluster.port if cluster else free_port(), self.database, settings or {})
        if cluster:
            self._write_secret("postgresql_controlplane_password", cluster.password)

    def _write_configuration(self, postgresql_port: int, database: dict[str, Any], settings: Mapping[str, Any]) -> None:
        names = ("mcp_server", "qdrant", "prometheus", "alertmanager", "node_exporter")
        ports = {**{name: free_port() for name in names}, **dict(settings).get("ports", {})}
        ports |= {"controlplane": self.port, "postgresql": postgresql_port}
        configuration = {**settings, "ports": ports, "postgresql": database}
        folder = self.data_dir / "etc"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cmctl.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")

    def _write_secret(self, name: str, value: str) -> None:
        folder = self.data_dir / "secrets"
        folder.mkdir(exist_ok=True, mode=0o700)
        (folder / name).write_text(value, encoding="utf-8")

    @property
    def token(self) -> str:
        """The token that the daemon generated."""
        return (self.data_dir / "secrets" / "controlplane_token").read_text(encoding="utf-8").strip()

    def command(self, *arguments: str) -> list[str]:
        """A ``cmctl`` command line for this data directory."""
        return [CMCTL, "--data-dir", str(self.data_dir), *arguments]

    def cmctl(self, *arguments: str, timeout_seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run ``cmctl`` against this daemon."""
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=timeout_seconds, check=False
        )

    def run_job(self, name: str, timeout_seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a job by hand and wait for its end; a scheduled run that is under way is waited for first."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            result = self.cmctl("jobs", "run", name, "-o", "json", timeout_seconds=timeout_seconds)
            if "already running" not in result.stderr or time.monotonic() > deadline:
                return result
            time.sleep(0.1)

    def start(self, **popen: Any) -> None:
        """Start and wait until it answers. Raises RuntimeError with its log when it does not."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command("serve"), stdout=log, stderr=log, **popen)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.get("/health")
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the daemon did not start:\n{self.log.read_text(encoding='utf-8')}")

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
            raise

    @contextmanager
    def running(self, **popen: Any) -> Iterator["DaemonProcess"]:
        """Run for the length of a block."""
        self.start(**popen)
        try:
            yield self
        finally:
            self.kill() if sys.exc_info()[0] else self.stop()

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """One HTTP request; returns status, body and headers. Raises OSError when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """A JSON answer, or text where it is none."""
        _, body, headers = self.request("GET", path)
        return json.loads(body) if headers.get_content_type() == "application/json" else body.decode("utf-8")

    def post(self, payload: Any) -> tuple[int, Any]:
        """Post to the webhook; returns status and JSON answer."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode("utf-8")
        status, answer, _ = self.request("POST", "/webhook", body)
        return status, json.loads(answer)

    def metric(self, name: str) -> float:
        """Value of a metric without labels."""
        for line in self.get("/metrics").splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise KeyError(name)

    def labelled_metric(self, name: str, **labels: str) -> float:
        """Value of a metric with exactly these labels."""
        series = name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "} "
        for line in self.get("/metrics").splitlines():
            if line.startswith(series):
                return float(line.split()[1])
        raise KeyError(series)

    def role(self) -> str:
        """What it is to its store: active, standby or unsure."""
        return str(self.get("/health")["role"]["name"])

    def wait_for_role(self, role: str, timeout_seconds: float = 30) -> None:
        """Wait until it is active, standby or unsure."""
        wait_for(lambda: self.role() == role, timeout_seconds)

    def wait_until_moved(self, timeout_seconds: float = 30) -> None:
        """Wait until PostgreSQL has everything that was accepted."""
        wait_for(lambda: self.metric("cmctl_journal_pending_records") == 0, timeout_seconds)

    def wait_for_database(self, timeout_seconds: float = 30) -> None:
        """Wait until the daemon is connected."""
        wait_for(lambda: self.metric("cmctl_postgres_up") == 1, timeout_seconds)

    def resident_mb(self) -> float:
        """Resident memory of the process in megabytes."""
        assert self.process is not None
        return round(psutil.Process(self.process.pid).memory_info().rss / 1e6, 1)


def wait_for(condition: Any, timeout_seconds: float = 30) -> None:
    """Poll until a condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true in time")
        time.sleep(0.02)


def _prepare_database(cluster: PostgresqlCluster) -> dict[str, Any]:
    """A fresh database with the role that owns it; returns the configuration's section."""
    import psycopg

    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
    if not exists:
        cluster.create_role(ROLE)
    name = cluster.create_database(owner=ROLE)
    return {"host": cluster.host, "controlplane_database": name, "controlplane_user": ROLE}
