"""Recovery sets and the WAL archive as people and programs are shown them. Field names are a contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.backup.drill import DrillReport
from controlplane.domain.backup.manifest import Manifest, Part
from controlplane.domain.backup.verification import Verification

Freshness = Literal["none", "fresh", "stale"]


@dataclass(frozen=True)
class PartView:
    """One part of a set, without the list of its files."""

    name: str
    taken_at: datetime
    size_bytes: int
    file_count: int
    details: Mapping[str, str | int | float | None]


@dataclass(frozen=True)
class SetView:
    """One set. Without ``complete`` nothing but ``id``, ``path`` and ``problem`` is known."""

    id: str
    path: str
    complete: bool
    kind: str | None = None
    parent_id: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    size_bytes: int = 0
    parts: Sequence[PartView] = ()
    made_by: Mapping[str, str] | None = None
    problem: str = ""
    verified_at: datetime | None = None
    verified: Literal["never", "good", "bad"] = "never"


@dataclass(frozen=True)
class WalView:
    """The WAL archive: ``lives`` counts its folders, ``newest_at`` is when something last came in.

    ``gaps`` counts the places within a folder at which files are missing, ``since`` is when the oldest folder began.
    """

    lives: int = 0
    segments: int = 0
    size_bytes: int = 0
    newest_at: datetime | None = None
    gaps: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class Overview:
    """Everything at one moment; sets and drills newest first.

    ``copied`` has the newest good set that was brought to each configured place of copies, None where there is none.
    """

    sets: Sequence[SetView] = ()
    wal: WalView = WalView()
    free_bytes: int = 0
    total_bytes: int = 0
    drills: Sequence[DrillReport] = ()
    copied: Mapping[str, SetView | None] = field(default_factory=dict)

    @property
    def newest(self) -> SetView | None:
        """The newest complete set that no verification found wrong."""
        return newest_good(self.sets)


def newest_good(sets: Sequence[SetView]) -> SetView | None:
    """The newest complete set that no verification found wrong; ``sets`` are newest first."""
    return next((item for item in sets if item.complete and item.verified != "bad"), None)


def view_of(manifest: Manifest, path: str, verification: Verification | None) -> SetView:
    """A complete set as it is shown."""
    return SetView(
        verified_at=verification.verified_at if verification else None,
        verified=("good" if verification.is_good else "bad") if verification else "never",
        problem=verification.problems[0] if verification and verification.problems else "",
        id=manifest.id,
        path=path,
        complete=True,
        kind=manifest.kind,
        parent_id=manifest.parent_id,
        created_at=manifest.created_at,
        finished_at=manifest.finished_at,
        size_bytes=manifest.size_bytes,
        parts=tuple(_part(part) for part in manifest.parts),
        made_by=manifest.made_by,
    )


def _part(part: Part) -> PartView:
    return PartView(part.name, part.taken_at, part.size_bytes, len(part.files), part.details)


def freshness(newest: SetView | None, now: datetime, max_age: timedelta) -> Freshness:
    """Whether the newest set is young enough."""
    if newest is None or newest.finished_at is None:
        return "none"
    return "stale" if now - newest.finished_at > max_age else "fresh"
