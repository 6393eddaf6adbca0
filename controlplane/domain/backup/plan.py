"""Whether the next set is full or builds on another, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.backup.manifest import Manifest, SetKind

FIRST_INCREMENTAL_VERSION = 170000


@dataclass(frozen=True)
class Server:
    """What identifies a running PostgreSQL. ``version`` is its version number, such as 180004."""

    system_identifier: str
    timeline: int
    version: int


@dataclass(frozen=True)
class SetPlan:
    """What to make. ``reason`` is for people."""

    kind: SetKind
    parent_id: str | None
    reason: str


def plan_set(
    newest_first: Sequence[Manifest], server: Server, now: datetime, full_every: timedelta, wants_full: bool
) -> SetPlan:
    """Full when somebody asks for it, when it is due, or when nothing fits to build on; else incremental.

    An incremental set builds on the newest full one, not on the one before: it is a little larger, but a set needs
    never more than one other, so that a restore is quick, a damaged file costs one set, and old ones can go.
    """
    if wants_full:
        return SetPlan("full", None, "a full set was asked for")
    if server.version < FIRST_INCREMENTAL_VERSION:
        return SetPlan("full", None, "this PostgreSQL has no incremental backups")
    parent = next((item for item in newest_first if item.kind == "full"), None)
    if parent is None:
        return SetPlan("full", None, "there is no full set to build on")
    details = parent.details("postgresql")
    if details.get("system_identifier") != server.system_identifier:
        return SetPlan("full", None, "the newest full set is of another database system")
    if details.get("timeline") != server.timeline:
        return SetPlan("full", None, "the newest full set is of another timeline")
    if now - parent.created_at >= full_every:
        return SetPlan("full", None, "a full set is due")
    return SetPlan("incremental", parent.id, f"builds on {parent.id}")


def chain(manifests: Sequence[Manifest], set_id: str) -> list[Manifest]:
    """The set and everything it builds on, the full one first. Raises ValueError when one is missing."""
    by_id = {manifest.id: manifest for manifest in manifests}
    found: list[Manifest] = []
    wanted: str | None = set_id
    while wanted is not None:
        manifest = by_id.get(wanted)
        if manifest is None:
            raise ValueError(f"set {set_id} builds on {wanted}, which is not there")
        if manifest in found:
            raise ValueError(f"set {set_id} builds on itself")
        found.append(manifest)
        wanted = manifest.parent_id
    return found[::-1]
