"""Upstream programs the embedded stack runs: their names, packages, and the oldest versions that work."""

import re
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"(?:version|\(PostgreSQL\))\s+v?(\d+(?:\.\d+)+)")


@dataclass(frozen=True)
class ToolSpec:
    """One program: names it goes by (ours first), Debian packages that may have it, the oldest version we support."""

    name: str
    executables: tuple[str, ...]
    packages: tuple[str, ...]
    minimum_version: tuple[int, ...]


@dataclass(frozen=True)
class Tool:
    """A program that was found."""

    spec: ToolSpec
    path: Path
    version: tuple[int, ...]


# The versions of Debian 12 are the oldest that the tests run with.
TOOLS = (
    ToolSpec("prometheus", ("prometheus",), ("prometheus",), (2, 42)),
    ToolSpec("promtool", ("promtool",), ("prometheus", "promtool"), (2, 42)),  # its own package from Debian 13 on
    ToolSpec("alertmanager", ("alertmanager", "prometheus-alertmanager"), ("prometheus-alertmanager",), (0, 25)),
    ToolSpec("amtool", ("amtool",), ("prometheus-alertmanager",), (0, 25)),
    ToolSpec("node_exporter", ("node_exporter", "prometheus-node-exporter"), ("prometheus-node-exporter",), (1, 5)),
)
# Which programs each component needs: to run, and to check its configuration.
TOOLS_OF = {
    "prometheus": ("prometheus", "promtool"),
    "alertmanager": ("alertmanager", "amtool"),
    "node_exporter": ("node_exporter",),
}


def parse_version(output: str) -> tuple[int, ...] | None:
    """Version out of what ``PROGRAM --version`` prints; None when there is none in it."""
    match = _VERSION.search(output)
    return tuple(int(part) for part in match[1].split(".")) if match else None


def format_version(version: tuple[int, ...]) -> str:
    """``(2, 42)`` as ``2.42``."""
    return ".".join(str(part) for part in version)
