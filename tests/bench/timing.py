"""Timing commands, several in turn, so that a slow moment of the machine hits all of them."""

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence


def seconds_of(
    command: Sequence[str], environment: Mapping[str, str] | None = None, allowed: range = range(1)
) -> float:
    """Wall time of one run. Raises RuntimeError with its output when the exit code is not allowed."""
    started = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    took = time.perf_counter() - started
    if result.returncode not in allowed:
        raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}: {result.stdout}{result.stderr}")
    return took


def medians(
    commands: Mapping[str, Sequence[str]], rounds: int, environment: Mapping[str, str] | None = None
) -> dict[str, float]:
    """Median wall time of each command over ``rounds`` rounds in turn, in seconds; exit codes 0 to 3 are fine."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(seconds_of(command, environment, range(4)))
    return {name: statistics.median(taken) for name, taken in times.items()}
