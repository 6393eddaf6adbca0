"""The upstream programs the tests run: the same ones, from the same cache, as `cmctl up` uses."""

import os
from pathlib import Path

from controlplane.adapters.debian_packages import DebianPackages, distribution_release
from controlplane.adapters.toolchain import Toolchain


def tool(name: str) -> Path:
    """Path of ``promtool``, ``amtool``, ``prometheus`` …; fetched from the distribution's packages when missing."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = Path(base) / "claude-memory" / "tools"
    toolchain = Toolchain(cache, DebianPackages(cache, distribution_release()))
    return toolchain.resolve([name], say=lambda text: None)[name].path
