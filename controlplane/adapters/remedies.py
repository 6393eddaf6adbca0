"""What remedies do: restart a component, or run a program (cmctl, ansible-playbook) to its end."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from controlplane.adapters.threads import in_thread
from controlplane.errors import CmctlError

_END_SECONDS = 10.0
_DRAIN_SECONDS = 1.0
_TAIL_BYTES = 4000


class RestartComponent:
    """Restarts a component by the service manager."""

    def __init__(self, component: str, restart: Callable[[str], None]) -> None:
        self._component = component
        self._restart = restart

    async def do(self, timeout_seconds: float) -> str:
        """Restart it. Raises CmctlError when that fails or takes too long."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await in_thread(lambda: self._restart(self._component), f"restart of {self._component}")
        except TimeoutError as error:
            raise CmctlError(f"{self._component} did not restart within {timeout_seconds:g} s") from error
        return f"{self._component} was restarted"


class RunProgram:
    """Runs a program in a process group of its own, which is ended when it takes too long or the daemon dies."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)

    async def do(self, timeout_seconds: float) -> str:
        """Run it. Raises CmctlError with the end of its output when it fails or takes too long."""
        name = Path(self._command[0]).name
        if shutil.which(self._command[0]) is None:
            raise CmctlError(f"{name} is not there", hint="see remediation.remedies")
        try:
            process = await asyncio.create_subprocess_exec(
                *_dying_with_us(),
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise CmctlError(f"{name} cannot be started: {error.strerror}", hint="see remediation.remedies") from error
        tail = bytearray()
        reading = asyncio.create_task(_read_tail(process, tail))
        try:
            async with asyncio.timeout(timeout_seconds):
                await process.wait()
                await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)  # what it said last may still be on its way
        except TimeoutError as error:
            await _end_group(process)
            raise CmctlError(f"{name} took longer than {timeout_seconds:g} s and was ended{_told(tail)}") from error
        except asyncio.CancelledError:
            await _end_group(process)
            raise
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if process.returncode != 0:
            raise CmctlError(f"{name} ended with exit code {process.returncode}{_told(tail)}")
        return f"{name} succeeded{_told(tail)}"


def _dying_with_us() -> list[str]:
    """A prefix that ends the program when this process is killed: what nobody watches must not go on."""
    setpriv = shutil.which("setpriv")  # util-linux
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


async def _read_tail(process: asyncio.subprocess.Process, tail: bytearray) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while part := await process.stdout.read(4096):
        tail += part
        del tail[:-_TAIL_BYTES]


def _told(tail: bytearray) -> str:
    lines = [line.strip() for line in tail.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return f": {' | '.join(lines[-3:])}"[:1000] if lines else ""


async def _end_group(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
                return
