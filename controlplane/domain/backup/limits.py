"""How old a set and a drill may become, and what they may cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.backup.overview import Overview

DrillState = Literal["none", "passed", "failed", "overdue"]


@dataclass(frozen=True)
class BackupLimits:
    """From the settings. Seconds: RPO and RTO objectives."""

    max_age: timedelta
    drill_max_age: timedelta
    rpo_seconds: float
    rto_seconds: float


@dataclass(frozen=True)
class DrillStatus:
    """What the status says of drills."""

    state: DrillState = "none"
    message: str = "none yet; make one with: cmctl backup drill"


def backup_due(overview: Overview, limits: BackupLimits) -> datetime | None:
    """When the newest good set becomes too old; without one, counted from when WAL was first archived."""
    since = overview.newest.finished_at if overview.newest else overview.wal.since
    return since + limits.max_age if since else None


def drill_due(overview: Overview, limits: BackupLimits) -> datetime | None:
    """When the next drill must have passed: counted from the latest that did, else from the oldest set there is.

    None while there is nothing to drill with.
    """
    passed = [item.finished_at for item in overview.drills if item.is_passed]
    since = (
        max(passed) if passed else min((item.finished_at for item in overview.sets if item.finished_at), default=None)
    )
    return since + limits.drill_max_age if since else None


def drill_status(overview: Overview, limits: BackupLimits, now: datetime) -> DrillStatus:
    """The latest drill, and whether a passed one is overdue."""
    due, latest = drill_due(overview, limits), overview.drills[0] if overview.drills else None
    days = f"{limits.drill_max_age.total_seconds() / 86400:g} days"
    if latest is not None and not latest.is_passed:
        return DrillStatus("failed", f"{latest.outcome} {latest.finished_at:%Y-%m-%d %H:%M} UTC: {latest.problem}")
    if due is not None and now > due:
        return DrillStatus("overdue", f"none has passed for {days}; make one with: cmctl backup drill")
    if latest is None:
        return DrillStatus()
    told = [
        f"{name} {value:.1f} s"
        for name, value in (("RPO", latest.rpo_seconds), ("RTO", latest.rto_seconds))
        if value is not None
    ]
    return DrillStatus("passed", ", ".join([f"passed {latest.finished_at:%Y-%m-%d %H:%M} UTC: {latest.set_id}", *told]))
