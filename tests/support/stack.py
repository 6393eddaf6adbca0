"""A real embedded stack for acceptance tests, driven through the console script ``cmctl``."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from controlplane.config.schema import Ports
from tests.support.worker import own_share

CMCTL = Path(sys.executable).with_name("cmctl")
NOT_IN_A_TEST_RUN = "0 0 29 2 *"  # else a run at noon would meet the set that is made every six hours
# Everything that makes people wait, shortened by configuration.
QUICK_SETTINGS: dict[str, Any] = {
    "prometheus": {"scrape_interval_seconds": 0.5, "evaluation_interval_seconds": 1},
    "alertmanager": {
        "group_wait_seconds": 0.5,
        "group_interval_seconds": 1,
        "repeat_interval_seconds": 3600,
        "resolve_timeout_seconds": 5,
    },
    "alert_rules": {"for_scale": 0.02},
    "checks": {"interval_seconds": 1},
    "anomaly": {"interval_seconds": 5},
    "backup": {"schedule": NOT_IN_A_TEST_RUN, "drill": {"schedule": NOT_IN_A_TEST_RUN}},
}


# No two default ports differ by a multiple of the step, so two offsets never give two stacks one port.
_PORT_OFFSETS = range(2000, 22000, 50)


def free_port_offset() -> int:
    """A port offset at which every port of a stack is free right now."""
    bases = [field.default for field in Ports.model_fields.values()]
    offsets = own_share(_PORT_OFFSETS)
    for offset in random.sample(offsets, len(offsets)):
        if all(_is_free(base + offset) for base in bases):
            return offset
    raise RuntimeError("no port offset at which a whole stack is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _has_parent_of_ours(process: psutil.Process) -> bool:
    try:
        return bool(process.ppid() != 1)
    except psutil.NoSuchProcess:
        return True


def _everyone_reaches(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def wait_until(condition: Callable[[], Any], timeout_seconds: float = 60, what: str = "the condition") -> Any:
    """The first true value of ``condition``. Raises AssertionError when it takes too long."""
    deadline = time.monotonic() + timeout_seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_seconds:g} seconds"
        time.sleep(0.05)
    return value


class EmbeddedStack:
    """One stack in a data directory and at a port offset of its own. ``up`` starts it, ``remove`` ends it.

    ``settings`` go into ``cmctl.yml`` over QUICK_SETTINGS, section by section.
    ``user_id`` runs cmctl as someone else, which needs root.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        data_dir: Path | None = None,
        user_id: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="claude-memory-test-", dir="/tmp"))
        self.folder.chmod(0o711)
        self.data_dir = data_dir or self.folder / "data"
        self.port_offset = free_port_offset()
        self.user_id = user_id
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CMCTL_")}
        self.environment = {**kept, **({"HOME": str(self.folder)} if user_id else {}), **(environment or {})}
        self.configure(settings or {})

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write ``cmctl.yml``; takes effect at the next ``up``."""
        merged: dict[str, Any] = {"mode": "embedded", "port_offset": self.port_offset}
        for section in {*QUICK_SETTINGS, *settings}:
            given, quick = settings.get(section, {}), QUICK_SETTINGS.get(section, {})
            merged[section] = {**quick, **given} if isinstance(given, Mapping) else given
        self.config_file.parent.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(yaml.safe_dump(merged), encoding="utf-8")
        if self.user_id is not None:
            for path in (self.folder, self.data_dir, self.config_file.parent, self.config_file):
                os.chown(path, self.user_id, self.user_id)

    @property
    def config_file(self) -> Path:
        """The stack's ``cmctl.yml``."""
        return self.data_dir / "etc" / "cmctl.yml"

    def command(self, *arguments: str) -> list[str]:
        """Command line of ``cmctl --data-dir … ARGUMENTS``, as the stack's user."""
        user = self.user_id
        prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user is not None else []
        if user is not None and not _everyone_reaches(Path(sys.executable).resolve()):
            # The interpreter of this environment may be below /root; the user may pass through, and nothing more.
            prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return [*prefix, str(CMCTL), "--data-dir", str(self.data_dir), *arguments]

    def cmctl(self, *arguments: str, timeout_seconds: float = 240, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run ``cmctl --data-dir … ARGUMENTS`` and return its exit code and output."""
        return subprocess.run(
            self.command(*arguments),
            **{"env": self.environment, "capture_output": True, "text": True, "timeout": timeout_seconds, **options},
        )

    def up(self, *components: str) -> subprocess.CompletedProcess[str]:
        """Start the stack; the test fails with cmctl's messages when that fails."""
        result = self.cmctl("up", *components)
        assert result.returncode == 0, result.stderr
        return result

    def down(self, *components: str) -> subprocess.CompletedProcess[str]:
        """Stop the stack or some components."""
        result = self.cmctl("down", *components)
        assert result.returncode == 0, result.stderr
        return result

    def json(self, *arguments: str) -> Any:
        """What ``cmctl ARGUMENTS -o json`` prints, whatever its exit code."""
        result = self.cmctl(*arguments, "-o", "json")
        assert result.stdout, result.stderr
        return json.loads(result.stdout)

    def port(self, component: str) -> int:
        """TCP port of a component."""
        return int(Ports.model_fields[component].default) + self.port_offset

    def url(self, component: str, path: str = "") -> str:
        """URL of a component."""
        return f"http://127.0.0.1:{self.port(component)}{path}"

    def secret(self, name: str) -> str:
        """One of the generated secrets."""
        return (self.data_dir / "secrets" / name).read_text(encoding="utf-8").strip()

    def log(self, component: str) -> str:
        """Everything a component has logged."""
        path = self.data_dir / "log" / f"{component}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def processes(self) -> list[psutil.Process]:
        """Every process of this stack that is alive."""
        found = []
        for process in psutil.process_iter():
            try:
                is_ours = process.environ().get("CLAUDE_MEMORY_STACK") == str(self.data_dir)
                is_backend = process.name() == "postgres" and process.cwd() == str(self.data_dir / "postgresql")
                if (is_ours or is_backend) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def pid(self, component: str) -> int:
        """Process that listens on a component's port."""
        for process in self.processes():
            for connection in process.net_connections(kind="tcp"):
                if connection.status == "LISTEN" and connection.laddr.port == self.port(component):
                    return process.pid
        raise AssertionError(f"nothing of this stack listens on {component}'s port {self.port(component)}")

    def kill_everything(self) -> None:
        """SIGKILL to every process at once, supervisord included; returns when they are gone."""
        processes = self.processes()
        for process in sorted(processes, key=_has_parent_of_ours):
            with contextlib.suppress(psutil.NoSuchProcess):  # PostgreSQL's workers come and go
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=10)

    def remove(self) -> None:
        """Stop the stack and delete its directory."""
        try:
            self.cmctl("down")
        finally:
            self.kill_everything()
            shutil.rmtree(self.folder, ignore_errors=True)
