"""The unit of a deployed host that makes drills: systemd starts one for who connects, which answers with a report."""

import asyncio
import json
from pathlib import Path
from typing import Any

from controlplane.errors import CmctlError, DependencyUnreachable

# Of claude-memory-drill.socket; only the control plane may connect.
SOCKET = Path("/run/claude-memory-drill.socket")


async def drill_in_unit(socket: Path = SOCKET) -> Any:
    """Have a drill made, and return its report as JSON values. Raises CmctlError when it did not pass.

    Whoever stops waiting leaves it to its end: it has limits of its own, and keeps its report itself.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket))
    except OSError as error:
        raise DependencyUnreachable(
            f"{socket}: no drill can be asked for: {error.strerror}", hint="run site.yml for this host"
        ) from error
    try:
        answer = await reader.read()
    except OSError:  # it was killed
        answer = b""
    finally:
        writer.close()
    try:
        report = json.loads(answer)
        outcome, problem, set_id = report["outcome"], report["problem"], report["set_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise CmctlError(
            "the drill ended without a report", hint="journalctl -u 'claude-memory-drill@*' says why"
        ) from error
    if outcome != "passed":
        raise CmctlError(f"the drill of set {set_id} failed: {problem}")
    return report
