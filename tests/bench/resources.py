"""Resident memory and idle processor time of each component, with the settings a user gets."""

import subprocess
import sys
import time
from typing import Any

import psutil

from controlplane.config.schema import COMPONENTS, Settings
from tests.support.stack import EmbeddedStack

SETTLE_SECONDS = 60
MEASURE_SECONDS = 60
# An interpreter with the libraries that any daemon of this kind needs, and nothing of ours.
BASELINE = "import aiohttp, psycopg, pydantic, sys; print('ready', flush=True); sys.stdin.read()"


def run() -> dict[str, Any]:
    """Megabytes and percent of one core over a minute.

    ``resident_mb`` counts pages that processes share in each of them, ``memory_mb`` counts them once. Goals: control
    plane under 100 MB, everything under 10 % of a core.
    """
    stack = _stack_with_default_intervals()
    try:
        stack.up()
        time.sleep(SETTLE_SECONDS)
        groups = _processes(stack)
        before = {name: _cpu_seconds(processes) for name, processes in groups.items()}
        started = time.monotonic()
        time.sleep(MEASURE_SECONDS)
        elapsed = time.monotonic() - started
        percent = {name: 100 * (_cpu_seconds(processes) - before[name]) / elapsed for name, processes in groups.items()}
        memory = {name: _megabytes(processes) for name, processes in groups.items()}
        resident = {name: _resident_megabytes(processes) for name, processes in groups.items()}
    finally:
        stack.remove()
    baseline = _baseline_megabytes()
    components = {
        name: {
            "resident_mb": round(resident[name], 1),
            "memory_mb": round(memory[name], 1),
            "cpu_percent_of_a_core": round(percent[name], 2),
        }
        for name in groups
    }
    return {
        **components,
        "whole_stack": {
            "resident_mb": round(sum(resident.values()), 1),
            "memory_mb": round(sum(memory.values()), 1),
            "cpu_percent_of_a_core": round(sum(percent.values()), 2),
        },
        "bare_daemon_memory_mb": round(baseline, 1),
        "controlplane_memory_ratio": round(memory["controlplane"] / baseline, 2),
    }


def _stack_with_default_intervals() -> EmbeddedStack:
    defaults = Settings(data_dir="/")
    sections = ("prometheus", "alertmanager", "alert_rules", "checks")
    return EmbeddedStack(settings={name: getattr(defaults, name).model_dump(mode="json") for name in sections})


def _processes(stack: EmbeddedStack) -> dict[str, list[psutil.Process]]:
    """Every process of the stack, by component; what belongs to none is the supervisor."""
    groups = {}
    pids = {component["name"]: component["pid"] for component in stack.json("status")["components"]}
    for component in COMPONENTS:
        root = psutil.Process(pids[component])
        groups[component] = [root, *root.children(recursive=True)]
    known = {process.pid for processes in groups.values() for process in processes}
    groups["supervisor"] = [process for process in stack.processes() if process.pid not in known]
    return groups


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        if process.is_running():
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _megabytes(processes: list[psutil.Process]) -> float:
    """Proportional set size: pages that several processes share count once."""
    return sum(process.memory_full_info().pss for process in processes if process.is_running()) / 1e6


def _resident_megabytes(processes: list[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes if process.is_running()) / 1e6


def _baseline_megabytes() -> float:
    process = subprocess.Popen([sys.executable, "-c", BASELINE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        return _megabytes([psutil.Process(process.pid)])
    finally:
        process.communicate()
