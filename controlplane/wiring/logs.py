"""Composition root of ``cmctl logs``."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from controlplane.config.default_checks import components_here
from controlplane.config.paths import DataLayout
from controlplane.config.schema import COMPONENTS, Settings
from controlplane.errors import UsageProblem

if TYPE_CHECKING:
    from controlplane.services.logs import LogSource

# Logs that are no component's: the supervisor's own, and the accepted alerts.
EXTRA_LOGS = ("supervisord", "alerts")
POSTGRESQL_LOGS = Path("/var/log/postgresql")


def log_sources(settings: Settings, names: Sequence[str]) -> "list[LogSource]":
    """The named logs; every component's when none is named, and the supervisor's. Raises UsageProblem."""
    is_deployed = settings.mode == "deployed"
    components = components_here(settings) if is_deployed else COMPONENTS
    known = (*components, "alerts") if is_deployed else (*components, *EXTRA_LOGS)
    if unknown := [name for name in names if name not in known]:
        raise UsageProblem(f"no such log: {unknown[0]}", hint=f"one of {', '.join(known)}")
    everything = components if is_deployed else (*components, "supervisord")
    open_log = _deployed_log if is_deployed else _log_file
    return [open_log(settings, name) for name in list(dict.fromkeys(names)) or everything]


def _log_file(settings: Settings, name: str) -> "LogSource":
    from controlplane.adapters.log_files import LogFile

    return LogFile(name, DataLayout(settings.data_dir).logs / f"{name}.log", local_zone())


def _deployed_log(settings: Settings, name: str) -> "LogSource":
    """The journal, but for what a host of Debian writes to files."""
    from controlplane.adapters.journal_log import JournalLog
    from controlplane.adapters.log_files import LogFile
    from controlplane.adapters.service_managers.systemd import UNITS

    if name == "alerts":
        return _log_file(settings, name)
    if name == "postgresql":
        files = sorted(POSTGRESQL_LOGS.glob("postgresql-*-main.log"), key=lambda path: path.stat().st_mtime)
        return LogFile(name, files[-1] if files else POSTGRESQL_LOGS / "postgresql.log", local_zone())
    return JournalLog(name, UNITS[name])


def local_zone() -> tzinfo:
    """The time zone of this machine, in which programs write stamps that name none."""
    return datetime.now(UTC).astimezone().tzinfo or UTC
