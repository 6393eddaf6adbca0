"""Where recovery stops: a time, an LSN, a named restore point, or the end of the archive.

Source: PostgreSQL documentation, "Recovery Target Settings".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")


@dataclass(frozen=True, order=True)
class Lsn:
    """A write-ahead log position, comparable."""

    value: int

    @classmethod
    def parse(cls, text: str) -> "Lsn":
        """Read ``16/B374D848``. Raises ValueError."""
        match = _LSN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not an LSN such as 0/16B3748")
        return cls((int(match[1], 16) << 32) | int(match[2], 16))

    def __str__(self) -> str:
        return f"{self.value >> 32:X}/{self.value & 0xFFFFFFFF:X}"


@dataclass(frozen=True)
class RecoveryTarget:
    """At most one of the three; none means the end of the archive. Recovery stops just after it, or just before."""

    time: datetime | None = None
    lsn: Lsn | None = None
    name: str | None = None
    is_inclusive: bool = True

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.time, self.lsn, self.name)) > 1:
            raise ValueError("give at most one of target time, target LSN and target name")
        if self.time is not None and self.time.tzinfo is None:
            raise ValueError("the target time needs a zone, for example 2026-11-20T03:00:00Z")
        if self.name is not None and not 0 < len(self.name.encode()) < 64:
            raise ValueError("a restore point's name has 1 to 63 bytes")

    @property
    def words(self) -> str:
        """The target in words."""
        if self.time is not None:
            return f"time {self.time.isoformat()}"
        if self.lsn is not None:
            return f"LSN {self.lsn}"
        return f"restore point {self.name}" if self.name is not None else "the end of the WAL archive"


@dataclass(frozen=True)
class RestorePoint:
    """What choosing needs to know of a usable set: when its backup ended, and up to which LSN it must replay."""

    set_id: str
    ended_at: datetime
    end_lsn: Lsn
    timeline: int


def choose(points: Sequence[RestorePoint], target: RecoveryTarget, now: datetime, archive_end: Lsn) -> RestorePoint:
    """The newest set from which the target can be reached.

    Raises ValueError with one sentence when there is none: no set at all, a
    target in the future, before the first set, or beyond the archive.
    """
    if not points:
        raise ValueError("there is no usable set to restore from")
    oldest_first = sorted(points, key=lambda point: point.ended_at)
    if target.time is not None and target.time > now:
        raise ValueError(f"the target time {target.time.isoformat()} is in the future")
    if target.lsn is not None and target.lsn > archive_end:
        raise ValueError(f"the target LSN {target.lsn} is beyond the archive, which ends at {archive_end}")
    reachable = [point for point in oldest_first if _reaches(point, target)]
    if not reachable:
        first = oldest_first[0]
        raise ValueError(
            f"the target is before the first set {first.set_id}, which ended at"
            f" {first.ended_at.isoformat()} (LSN {first.end_lsn})"
        )
    return reachable[-1]


def _reaches(point: RestorePoint, target: RecoveryTarget) -> bool:
    if target.time is not None:
        return point.ended_at <= target.time
    if target.lsn is not None:
        return point.end_lsn <= target.lsn
    return True
