"""Enters the memory server in the configuration of the Claude CLI."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from controlplane.domain.json_document import with_member
from controlplane.errors import CmctlError

SERVER_NAME = "claude-memory"
SECTION = "mcpServers"


class ClientConfig(Protocol):
    """The configuration file of an MCP client."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def read(self) -> str | None:
        """Its text; None when there is no file. Raises CmctlError when it cannot be read."""

    def replace(self, before: str | None, after: str) -> Path | None:
        """Write it as a whole, keeping its mode; returns the copy that was made of the old text.

        Raises CmctlError when it cannot be written, or is no longer ``before``.
        """


@dataclass(frozen=True)
class Plan:
    """The change to make; ``before`` is None when the file is new."""

    path: Path
    before: str | None
    after: str

    @property
    def is_change(self) -> bool:
        """False when the entry is there already."""
        return self.before != self.after

    def diff(self) -> str:
        """Unified diff of the change."""
        old, new = (self.before or "").splitlines(keepends=True), self.after.splitlines(keepends=True)
        lines = difflib.unified_diff(old, new, str(self.path), str(self.path))
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def http_entry(url: str) -> dict[str, Any]:
    """Entry for a server that runs already; from this machine it needs no token."""
    return {"type": "http", "url": url}


def stdio_entry(command: Path, config_file: Path) -> dict[str, Any]:
    """Entry for a server that the client starts itself."""
    return {"type": "stdio", "command": str(command), "args": ["stdio", "--config", str(config_file)], "env": {}}


def plan(config: ClientConfig, entry: dict[str, Any]) -> Plan:
    """Work out the change; everything else in the file stays byte for byte.

    Raises CmctlError when the file is not a JSON object.
    """
    before = config.read()
    try:
        after = with_member(before if before and before.strip() else "{}\n", (SECTION, SERVER_NAME), entry)
    except (ValueError, RecursionError) as error:
        raise CmctlError(
            f"{config.path}: cannot take an entry: {error}", hint="correct the file by hand, then run this again"
        ) from error
    return Plan(config.path, before, after)


def apply(config: ClientConfig, change: Plan) -> Path | None:
    """Make the change; returns the copy of the old file, if there was one. Raises CmctlError."""
    return config.replace(change.before, change.after) if change.is_change else None
