"""Real peers of the probes."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.peers import garbage, serving
from tests.support.postgresql import free_port
from tests.support.prometheus import PrometheusServer


@pytest.fixture
def refused_port() -> int:
    """A port that nobody listens on."""
    return free_port()


@pytest.fixture(scope="module")
def prometheus() -> Iterator[PrometheusServer]:
    """A real Prometheus that scrapes itself as job ``self`` and garbage as job ``broken``."""
    server = PrometheusServer()
    try:
        with serving(garbage) as port:
            server.start()
            configuration = server.folder / "prometheus.yml"
            configuration.write_text(_configuration(server.port, port), encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            yield server
    finally:
        server.remove()


def _configuration(own_port: int, broken_port: int) -> str:
    return f"""
global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs:
  - job_name: self
    static_configs: [{{targets: ["127.0.0.1:{own_port}"]}}]
  - job_name: broken
    static_configs: [{{targets: ["127.0.0.1:{broken_port}"]}}]
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    process = subprocess.Popen(["sleep", "600"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()
