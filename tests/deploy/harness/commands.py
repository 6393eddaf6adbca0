"""Run one command of the machine under test's host, with its output in the error."""

import subprocess
import time
from collections.abc import Callable, Sequence


class CommandFailed(RuntimeError):
    """A command ended with another code than zero."""


def run(*arguments: str, timeout_seconds: float = 120) -> str:
    """Run a command and return its standard output. Raises CommandFailed with everything it printed."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=timeout_seconds, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def succeeds(arguments: Sequence[str], timeout_seconds: float = 30) -> bool:
    """Say whether a command exits with zero."""
    return subprocess.run(arguments, capture_output=True, timeout=timeout_seconds, check=False).returncode == 0


def wait_until(condition: Callable[[], bool], what: str, seconds: float, pause_seconds: float = 0.2) -> None:
    """Poll until the condition holds. Raises TimeoutError that names what was awaited."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(pause_seconds)
