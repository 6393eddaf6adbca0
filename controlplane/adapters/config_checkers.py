"""Ask the upstream checkers whether a configuration is right before it replaces the old one."""

import subprocess  # promtool and amtool, on files of our own
from collections.abc import Sequence
from pathlib import Path

from controlplane.errors import InvalidConfiguration

_TIMEOUT_SECONDS = 60


def check_prometheus(promtool: Path, folder: Path) -> None:
    """Check ``prometheus.yml`` and the rule files it names. Raises InvalidConfiguration."""
    _check([str(promtool), "check", "config", str(folder / "prometheus.yml")], "the rendered prometheus.yml")


def check_alertmanager(amtool: Path, folder: Path) -> None:
    """Check ``alertmanager.yml``. Raises InvalidConfiguration."""
    _check([str(amtool), "check-config", str(folder / "alertmanager.yml")], "the rendered alertmanager.yml")


def _check(command: Sequence[str], what: str) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidConfiguration(f"{what} could not be checked: {error}") from error
    if result.returncode != 0:
        output = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        problems = [line for line in output if "SUCCESS" not in line and not line.startswith("Checking")]
        raise InvalidConfiguration(f"{what} is refused by {Path(command[0]).name}", problems)
