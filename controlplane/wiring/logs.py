"""Composition root of ``cmctl logs``."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from controlplane.config.paths import DataLayout
from controlplane.config.schema import COMPONENTS
from controlplane.errors import UsageProblem

if TYPE_CHECKING:
    from controlplane.services.logs import LogSource

# Logs that are no component's: the supervisor's own, and the accepted alerts.
EXTRA_LOGS = ("supervisord", "alerts")


def log_sources(layout: DataLayout, names: Sequence[str]) -> "list[LogSource]":
    """The named logs; the supervisor's and every component's when none is named. Raises UsageProblem."""
    from controlplane.adapters.log_files import LogFile

    known = (*COMPONENTS, *EXTRA_LOGS)
    if unknown := [name for name in names if name not in known]:
        raise UsageProblem(f"no such log: {unknown[0]}", hint=f"one of {', '.join(known)}")
    wanted = list(dict.fromkeys(names)) or [*COMPONENTS, "supervisord"]
    return [LogFile(name, layout.logs / f"{name}.log", local_zone()) for name in wanted]


def local_zone() -> tzinfo:
    """The time zone of this machine, in which programs write stamps that name none."""
    return datetime.now(UTC).astimezone().tzinfo or UTC
