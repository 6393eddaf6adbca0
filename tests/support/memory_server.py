"""The real ``claude-memory-mcp`` as a process."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from mcp.client import Client
from mcp_types import CallToolResult

from tests.support.postgresql import PostgresqlCluster, free_port

PROGRAM = Path(sys.executable).parent / "claude-memory-mcp"
START_SECONDS = 60.0
TOKEN = "test-token"


class MemoryServer:
    """One server with its configuration; it can be started again after its end."""

    def __init__(self, folder: Path, cluster: PostgresqlCluster, database: str, **sections: Any) -> None:
        """``sections`` replace those of the configuration, such as ``vectors={"kind": "server", …}``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.config_file = folder / "mcp.yml"
        self.password = cluster.password
        self.log = folder / "mcp_server.log"
        (folder / "password").write_text(f"{cluster.password}\n", encoding="utf-8")
        (folder / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
        self.configuration: dict[str, Any] = {
            "listen": {"port": self.port, "token": {"file": str(folder / "token")}},
            "postgresql": {
                "port": cluster.port,
                "database": database,
                "user": "postgres",
                "password": {"file": str(folder / "password")},
            },
            "vectors": {"kind": "edge", "path": str(folder / "qdrant")},
            "probe_interval_seconds": 0.2,
            **sections,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.write_configuration()

    def write_configuration(self) -> None:
        """Write mcp.yml anew, after a change of ``configuration``."""
        self.config_file.write_text(yaml.safe_dump(self.configuration), encoding="utf-8")

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mcp_url(self) -> str:
        """URL of the MCP endpoint."""
        return f"{self.url}/mcp"

    @property
    def pid(self) -> int:
        """Process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers, healthy or not."""
        with self.log.open("ab") as log:
            command = [str(PROGRAM), "serve", "--config", str(self.config_file)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.health()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the memory server did not start:\n{self.log.read_text(encoding='utf-8')}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return the exit code."""
        return self._end(number)

    def kill(self) -> None:
        """End with SIGKILL."""
        self._end(signal.SIGKILL)

    def hang_up(self) -> None:
        """Send SIGHUP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(timeout=30)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and body of /health."""
        status, body = self.get("/health")
        return status, json.loads(body)

    def wait_for_health(self, status: int, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until /health answers with that status code."""
        deadline = time.monotonic() + seconds
        while True:
            seen, body = self.health()
            if seen == status:
                return body
            assert time.monotonic() < deadline, f"still {seen}: {body}"
            time.sleep(0.05)

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool with the official client, over a connection of its own."""
        async with Client(self.mcp_url) as client:
            return await client.call_tool(tool, arguments)

    async def ok(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Structured answer of a call that must succeed."""
        result = await self.call(tool, arguments)
        assert not result.is_error, result.content
        return dict(result.structured_content or {})

    async def failure(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Typed error of a call that must fail."""
        result = await self.call(tool, arguments)
        assert result.is_error, result.content
        error: dict[str, Any] = dict(result.structured_content or {})["error"]
        return error

    async def forget_everything(self) -> None:
        """Delete all memories."""
        while results := (await self.ok("recent", limit=100))["results"]:
            await self.ok("delete", ids=[result["id"] for result in results])

    def metric(self, name: str) -> float:
        """Value of a metric without labels."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise KeyError(name)
