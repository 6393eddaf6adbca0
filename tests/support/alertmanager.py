"""A real Alertmanager for tests: its own folder and port; its alerts are lost when it is killed, as in life."""

import asyncio
import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from controlplane.adapters.http import Request, send
from controlplane.errors import DependencyUnreachable
from tests.support.postgresql import free_port
from tests.support.stack import wait_until
from tests.support.tools import tool

POSTS_TO = """
global: {{resolve_timeout: {resolve_timeout}}}
route: {{receiver: controlplane, group_by: [alertname], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}}
receivers:
  - name: controlplane
    webhook_configs: [{{url: "http://127.0.0.1:{port}/webhook", send_resolved: true}}]
"""

TO_NOBODY = "{route: {receiver: nobody}, receivers: [{name: nobody}]}"


class AlertmanagerServer:
    """Start it, post alerts to it, stop it. ``remove`` at the end. ``webhook_port`` is where it posts to."""

    def __init__(self, configuration: str = TO_NOBODY, webhook_port: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="alertmanager-test-"))
        (self.folder / "alertmanager.yml").write_text(configuration, encoding="utf-8")
        self.port = free_port()
        self.webhook_port = webhook_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it is ready."""
        program = tool("alertmanager")
        command = [
            str(program),
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        # An unpacked Debian package finds its templates from its own root, an installed one from anywhere.
        self._process = subprocess.Popen(
            command, cwd=program.parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._is_ready, what="Alertmanager's readiness")

    def _is_ready(self) -> bool:
        try:
            return asyncio.run(send(Request(f"{self.url}/-/ready"), 5)).is_success
        except DependencyUnreachable:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; its silences stay in its folder, its alerts do not."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(timeout=30)

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def post(self, *alerts: dict[str, Any]) -> None:
        """Hand alerts in, as Prometheus does."""
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.url}/api/v2/alerts", "POST", json.dumps(alerts).encode(), headers)
        answer = asyncio.run(send(request, 10))
        assert answer.is_success, answer
