"""A memory server on restored data: a process of its own on a free port of this machine."""

import json
import socket
import subprocess  # our own console script, with arguments of ours
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from controlplane.adapters.backup.files import told
from controlplane.adapters.backup.vectors import VectorSnapshots
from controlplane.errors import CmctlError

_CONFIG = "mcp.yml"
_LOG = "memory_server.log"
_READY_SECONDS = 300.0
_POLL_SECONDS = 0.1
_END_SECONDS = 30.0


@dataclass(frozen=True)
class MemoryServerProcess:
    """``url`` is where it answers; ``vectors`` asks it to compare them with PostgreSQL."""

    url: str
    vectors: VectorSnapshots


@contextmanager
def scratch_memory_server(
    command: Path, folder: Path, environment: Mapping[str, str], render: Callable[[int], str]
) -> Iterator[MemoryServerProcess]:
    """Start the server with the configuration that ``render`` gives for a port; ended on leaving. Raises CmctlError."""
    port = _free_port()
    with told("written"):
        (folder / _CONFIG).write_text(render(port), encoding="utf-8")
        log = (folder / _LOG).open("ab")
    with log:
        process = subprocess.Popen(
            [str(command), "serve", "--config", str(folder / _CONFIG)],
            cwd="/",
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, folder / _LOG)
        yield MemoryServerProcess(url, VectorSnapshots(command, folder / _CONFIG))
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline, opener = time.monotonic() + _READY_SECONDS, build_opener(ProxyHandler({}))
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"{url}/health", timeout=5) as response:
                if json.loads(response.read())["status"] == "ok":
                    return
        except (URLError, OSError, ValueError, KeyError):
            pass
        time.sleep(_POLL_SECONDS)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no reason given"]
    raise CmctlError(f"the memory server does not start on the restored data: {lines[-1]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
