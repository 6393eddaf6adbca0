"""A drill: the newest set restored beside production, started, looked at, measured. Field names are a contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any, Literal

DrillOutcome = Literal["passed", "failed", "interrupted"]
CheckName = Literal["recovery", "counts", "rows", "search", "vectors", "checksums"]
# After so many bytes at most, a page's header ends: one position may be told as before or after it.
_PAGE_HEADER_BYTES = 40
ESTIMATED_FROM = 5
# What the action ledger calls a drill.
ACTION_KIND = "drill"


@dataclass(frozen=True)
class DrillCheck:
    """One assertion. ``ok`` is None when there was nothing to compare, and ``detail`` says why."""

    name: CheckName
    ok: bool | None
    detail: str


@dataclass(frozen=True)
class Mark:
    """Production at one moment. ``lsn`` is its WAL position; the counts hold there exactly when it ``is_quiet``.

    ``digests`` maps ids of memories to the hash of the whole row.
    """

    at: datetime
    lsn: int
    is_quiet: bool
    counts: Mapping[str, int | None]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class DrillReport:
    """How a drill ended. Seconds; a measure is None when it could not be made, and ``problem`` or a check says why."""

    id: str
    set_id: str | None
    started_at: datetime
    finished_at: datetime
    outcome: DrillOutcome
    problem: str = ""
    size_bytes: int = 0
    timeline: int | None = None
    reached_lsn: str | None = None
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    total_seconds: float = 0.0
    vectors_missing: int | None = None
    vectors_surplus: int | None = None
    counts: Mapping[str, int | None] = field(default_factory=dict)
    checks: Sequence[DrillCheck] = ()

    @property
    def is_passed(self) -> bool:
        """Whether it proved that the set can be restored."""
        return self.outcome == "passed"


def to_json(report: DrillReport) -> dict[str, Any]:
    """As JSON values."""
    raw = {name: getattr(report, name) for name in report.__dataclass_fields__}
    return {
        **raw,
        "started_at": report.started_at.isoformat(),
        "finished_at": report.finished_at.isoformat(),
        "counts": dict(report.counts),
        "checks": [{"name": item.name, "ok": item.ok, "detail": item.detail} for item in report.checks],
    }


def from_json(raw: Mapping[str, Any]) -> DrillReport:
    """Read what ``to_json`` gave; unknown keys are left out. Raises ValueError, KeyError or TypeError."""
    known = {name: raw[name] for name in DrillReport.__dataclass_fields__ if name in raw}
    return DrillReport(
        **{
            **known,
            "started_at": datetime.fromisoformat(raw["started_at"]),
            "finished_at": datetime.fromisoformat(raw["finished_at"]),
            "checks": tuple(DrillCheck(**item) for item in raw["checks"]),
        }
    )


def checked_recovery(mark: Mark | None, reached_lsn: int, timeline: int, was_target: bool) -> DrillCheck:
    """Everything that production had written at the mark was recovered."""
    if mark is None:
        return DrillCheck("recovery", None, f"timeline {timeline}; production did not answer, to compare with it")
    if reached_lsn + _PAGE_HEADER_BYTES < mark.lsn:
        missing = mark.lsn - reached_lsn
        return DrillCheck("recovery", False, f"recovery ended {missing} bytes of WAL before production's position")
    where = "exactly to" if was_target else "beyond"
    return DrillCheck("recovery", True, f"timeline {timeline}, {where} production's position when the drill began")


def checked_counts(
    mark: Mark | None,
    reached_lsn: int,
    was_target: bool,
    found: Mapping[str, int | None],
    in_set: Mapping[str, int | None] | None,
) -> DrillCheck:
    """Rows are those of production at the mark, or of the set, wherever both were looked at in the same position.

    ``in_set`` are the set's counts when recovery ended where they were made, else None.
    """
    is_same_position = was_target or (mark is not None and abs(mark.lsn - reached_lsn) <= _PAGE_HEADER_BYTES)
    if mark is not None and mark.is_quiet and is_same_position:
        expected, whose = mark.counts, "production's"
    elif in_set is not None:
        expected, whose = in_set, "the set's"
    else:
        return DrillCheck("counts", None, "rows were written all the time: there was no moment to compare at")
    wrong = [
        f"{name}: {found.get(name)} instead of {count}" for name, count in expected.items() if found[name] != count
    ]
    if wrong:
        return DrillCheck("counts", False, f"not {whose}: {'; '.join(wrong)}")
    return DrillCheck("counts", True, f"{whose}: {', '.join(f'{name} {count}' for name, count in found.items())}")


def checked_rows(mark: Mark | None, found: Mapping[str, str], still_there: frozenset[str]) -> DrillCheck:
    """Sampled memories are what they are in production; those deleted meanwhile do not count."""
    if mark is None:
        return DrillCheck("rows", None, "production did not answer, to compare with it")
    expected = {key: digest for key, digest in mark.digests.items() if key in still_there or key in found}
    if not expected:
        return DrillCheck("rows", None, "there are no memories yet")
    wrong = sorted(key for key, digest in expected.items() if found.get(key) != digest)
    if wrong:
        return DrillCheck("rows", False, f"{len(wrong)} of {len(expected)} memories differ or lack, such as {wrong[0]}")
    return DrillCheck("rows", True, f"{len(expected)} sampled memories are the same as in production")


def estimated_seconds(past: Sequence[tuple[float, int]], size_bytes: int) -> float | None:
    """How long restoring so much should take, from the seconds and sizes of past restores and drills, newest first.

    The median of the latest ones; for a larger set, in proportion. A smaller one is not promised to be quicker.
    """
    latest = [seconds * max(1.0, size_bytes / former if former else 1.0) for seconds, former in past[:ESTIMATED_FROM]]
    return median(latest) if latest else None
