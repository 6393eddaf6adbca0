"""``cmctl mcp install`` and ``cmctl mcp check`` through the console script."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.memory_server import MemoryServer
from tests.support.postgresql import PostgresqlCluster, free_port

CMCTL = Path(sys.executable).parent / "cmctl"
OLD = '{\n    "numStartups": 12,\n    "mcpServers": {\n        "other": {"command": "x"}\n    },\n    "tip": 1.50\n}\n'


class Stack:
    """A data directory whose configuration names a memory server of our own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        etc = folder / "data" / "etc"
        etc.mkdir(parents=True)
        (etc / "cmctl.yml").write_text(yaml.safe_dump({"ports": {"mcp_server": port}}), encoding="utf-8")
        self.memory_config = etc / "mcp.yml"

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HOME": str(self.home), "NO_COLOR": "1"}
        environment.pop("CLAUDE_CONFIG_DIR", None)
        command = [str(CMCTL), "--data-dir", str(self.folder / "data"), "mcp", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env=environment, cwd=cwd or self.home
        )


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, 18080)


def test_install_shows_the_change_and_keeps_everything_else(stack: Stack) -> None:
    config = stack.home / ".claude.json"
    config.write_text(OLD, encoding="utf-8")
    config.chmod(0o640)
    done = stack.run("install")
    assert done.returncode == 0, done.stderr
    expected = OLD.replace(
        '"other": {"command": "x"}',
        '"other": {"command": "x"},\n        "claude-memory": {\n            "type": "http",\n'
        '            "url": "http://127.0.0.1:18080/mcp"\n        }',
    )
    assert config.read_text(encoding="utf-8") == expected
    assert '+            "url": "http://127.0.0.1:18080/mcp"' in done.stdout
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert (stack.home / ".claude.json.before-claude-memory").read_text(encoding="utf-8") == OLD
    again = stack.run("install")
    assert (again.returncode, again.stdout) == (0, "")
    assert "already" in again.stderr
    assert config.read_text(encoding="utf-8") == expected


def test_a_dry_run_writes_nothing(stack: Stack) -> None:
    done = stack.run("install", "--dry-run")
    assert done.returncode == 0
    assert '+    "claude-memory": {' in done.stdout
    assert list(stack.home.iterdir()) == []


def test_a_new_user_file_is_private(stack: Stack) -> None:
    assert stack.run("install").returncode == 0
    config = stack.home / ".claude.json"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert list(json.loads(config.read_text(encoding="utf-8"))["mcpServers"]) == ["claude-memory"]


def test_stdio_in_the_project_scope(stack: Stack, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    assert stack.run("install", "--transport", "stdio", "--scope", "project", cwd=project).returncode == 0
    entry = json.loads((project / ".mcp.json").read_text(encoding="utf-8"))["mcpServers"]["claude-memory"]
    assert entry["type"] == "stdio"
    assert entry["command"].endswith("/claude-memory-mcp")
    assert entry["args"] == ["stdio", "--config", str(stack.memory_config)]


def test_a_symbolic_link_stays_one(stack: Stack, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}\n", encoding="utf-8")
    (stack.home / ".claude.json").symlink_to(real)
    assert stack.run("install").returncode == 0
    assert (stack.home / ".claude.json").is_symlink()
    assert "claude-memory" in real.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["{", "[]", '{"mcpServers": 7}', "\x00"])
def test_a_file_that_cannot_be_edited_is_left_alone(stack: Stack, tmp_path: Path, text: str) -> None:
    config = tmp_path / "client.json"
    config.write_text(text, encoding="utf-8")
    done = stack.run("install", "--client-config", str(config))
    assert done.returncode == 1
    assert str(config) in done.stderr and "Traceback" not in done.stderr
    assert config.read_text(encoding="utf-8") == text


@pytest.fixture
def live(postgresql_cluster: PostgresqlCluster, memory_database: str, tmp_path: Path) -> Iterator[Stack]:
    server = MemoryServer(tmp_path / "server", postgresql_cluster, memory_database)
    server.start()
    stack = Stack(tmp_path / "stack", server.port)
    stack.memory_config.write_text(server.config_file.read_text(encoding="utf-8"), encoding="utf-8")
    yield stack
    server.stop()


def test_check_proves_the_round_trip_over_both_transports(live: Stack) -> None:
    done = live.run("check", "-o", "json")
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)
    names = ["initialize", "list tools", "store", "search", "delete"]
    assert [(step["transport"], step["step"], step["ok"]) for step in steps] == [
        (transport, name, True) for transport in ("http", "stdio") for name in names
    ]
    table = live.run("check", "--transport", "http")
    assert "http       search      ok" in table.stdout


@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_an_unreachable_server_is_exit_code_4(tmp_path: Path, transport: str) -> None:
    stack = Stack(tmp_path, free_port())
    done = stack.run("check", "--transport", transport)
    assert done.returncode == 4, done.stderr
    assert "memory server at" in done.stderr and "Traceback" not in done.stderr


def test_a_server_that_cannot_store_is_exit_code_1(own_postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    server = MemoryServer(tmp_path / "server", own_postgresql, own_postgresql.create_database())
    server.start()
    own_postgresql.stop()
    try:
        done = Stack(tmp_path / "stack", server.port).run("check", "--transport", "http")
    finally:
        server.stop()
    assert done.returncode == 1
    assert "PostgreSQL at" in done.stdout
