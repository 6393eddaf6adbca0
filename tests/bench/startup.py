"""``make run`` in a fresh clone: cold with empty caches, and warm; against what cannot be avoided.

Cold downloads everything: packages from PyPI and Debian. Its baseline is the bare installation of the same locked
packages into an empty environment. Warm starts a stopped stack; its baseline is the start of a bare PostgreSQL.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.bench.timing import seconds_of
from tests.support.postgresql import PostgresqlCluster
from tests.support.stack import free_port_offset

COLD_ROUNDS = 3
WARM_ROUNDS = 5
ROOT = Path(__file__).resolve().parents[2]


def run() -> dict[str, Any]:
    """Seconds and ratios. Goals: cold 120 s, warm 20 s. What is committed is measured, not the working tree."""
    cold, install, warm, again = [], [], [], []
    for number in range(COLD_ROUNDS):
        with _fresh_clone() as (clone, environment):
            cold.append(_make(clone, "run", environment))
            if number == COLD_ROUNDS - 1:
                again = [_make(clone, "run", environment) for _ in range(WARM_ROUNDS)]
                warm = [_warm(clone, environment) for _ in range(WARM_ROUNDS)]
        install.append(_bare_install())
    postgresql = _bare_postgresql()
    return {
        "cold_seconds": _median(cold),
        "cold_seconds_each": [round(taken, 1) for taken in cold],
        "bare_install_seconds": _median(install),
        "cold_ratio_to_bare_install": round(statistics.median(cold) / statistics.median(install), 2),
        "warm_seconds": _median(warm),
        "bare_postgresql_seconds": _median(postgresql),
        "warm_ratio_to_bare_postgresql": round(statistics.median(warm) / statistics.median(postgresql), 2),
        "already_running_seconds": _median(again),
    }


@contextmanager
def _fresh_clone() -> Iterator[tuple[Path, dict[str, str]]]:
    folder = Path(tempfile.mkdtemp(prefix="claude-memory-bench-", dir="/tmp"))
    folder.chmod(0o711)
    clone, environment = folder / "clone", _empty_environment(folder)
    try:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        settings = Path(environment["CMCTL_DATA_DIR"]) / "etc" / "cmctl.yml"
        settings.parent.mkdir(parents=True)
        settings.write_text(yaml.safe_dump({"mode": "embedded", "port_offset": free_port_offset()}), encoding="utf-8")
        yield clone, environment
    finally:
        _make(clone, "stop", environment)
        shutil.rmtree(folder, ignore_errors=True)


def _empty_environment(folder: Path) -> dict[str, str]:
    """This environment without virtual environments, settings of ours and caches."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CMCTL_", "VIRTUAL_ENV"))}
    return {
        **kept,
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "UV_CACHE_DIR": str(folder / "cache" / "uv"),
        "PIP_CACHE_DIR": str(folder / "cache" / "pip"),
        "CMCTL_DATA_DIR": str(folder / "data"),
    }


def _make(clone: Path, target: str, environment: Mapping[str, str]) -> float:
    return seconds_of(["make", "-C", str(clone), target], environment)


def _warm(clone: Path, environment: Mapping[str, str]) -> float:
    _make(clone, "stop", environment)
    return _make(clone, "run", environment)


def _bare_install() -> float:
    folder = Path(tempfile.mkdtemp(prefix="claude-memory-bench-"))
    uv, python = str(ROOT / ".venv/bin/uv"), str(folder / "venv/bin/python")
    environment = _empty_environment(folder)
    try:
        return seconds_of([uv, "venv", "--quiet", str(folder / "venv")], environment) + seconds_of(
            [uv, "pip", "install", "--quiet", "--python", python, "-r", str(ROOT / "requirements.lock")], environment
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bare_postgresql() -> list[float]:
    cluster = PostgresqlCluster()
    taken = []
    try:
        cluster.start()
        for _ in range(WARM_ROUNDS):
            cluster.stop()
            started = time.perf_counter()
            cluster.start()
            taken.append(time.perf_counter() - started)
    finally:
        cluster.remove()
    return taken


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)
