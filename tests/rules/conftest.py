"""promtool, which reads rules the way Prometheus does."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.tools import tool

Promtool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Run promtool with the given arguments and return its exit code and output."""
    path = tool("promtool")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=300)

    return run
