"""Runs cmctl itself as a process: heavy work that must not weigh on the daemon."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controlplane.errors import CmctlError

_END_SECONDS = 30


async def run_cmctl(config_file: Path, data_dir: Path, arguments: Sequence[str]) -> Any:
    """The JSON that ``cmctl ARGUMENTS`` prints. Raises CmctlError with its message.

    When the caller is cancelled, the process is told to end, and clears up.
    """
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "cmctl"),
        f"--config={config_file}",
        f"--data-dir={data_dir}",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # heavy work stands back as a session
    )
    try:
        output, messages = await process.communicate()
    except asyncio.CancelledError:
        await _end(process)
        raise
    if process.returncode != 0:
        raise CmctlError(_reason(messages.decode(errors="replace")) or f"exit code {process.returncode}")
    return json.loads(output)


async def _end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _reason(messages: str) -> str:
    lines = messages.splitlines()
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return told[0] if told else "\n".join(lines[-3:])
