"""A restore as data: what it will do, how far it is, how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

RestorePart = Literal["postgresql", "vectors", "configuration"]
# Beyond "stopped" and before "swapped" the data directory is not whole: nothing may start on it.
Step = Literal["begun", "stopped", "swapping", "swapped", "done"]
HALF_DONE = frozenset({"stopped", "swapping"})


@dataclass(frozen=True)
class RecoveredServer:
    """Where PostgreSQL's recovery ended, and rows counted then."""

    timeline: int
    lsn: str
    last_commit_at: datetime | None
    counts: Mapping[str, int | None]


@dataclass(frozen=True)
class RestorePlan:
    """What a restore is going to do; people confirm it."""

    set_id: str
    chain: Sequence[str]
    parts: Sequence[RestorePart]
    target: str
    timeline: str
    into: str
    replaces: Sequence[str]
    stops: Sequence[str]
    lost_after: str
    usual_seconds: float | None
    needed_bytes: int
    confirm_name: str


@dataclass(frozen=True)
class RestoreJournal:
    """How far a restore is. ``had`` says which parts there were before: without, there is nothing to roll back to."""

    id: str
    set_id: str
    step: Step
    parts: Sequence[RestorePart]
    began_at: datetime
    had: Mapping[str, bool]
    components: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "id": self.id,
            "set_id": self.set_id,
            "step": self.step,
            "parts": list(self.parts),
            "began_at": self.began_at.isoformat(),
            "had": dict(self.had),
            "components": list(self.components),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "RestoreJournal":
        """Read a journal. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            id=str(raw["id"]),
            set_id=str(raw["set_id"]),
            step=raw["step"],
            parts=tuple(raw["parts"]),
            began_at=datetime.fromisoformat(raw["began_at"]),
            had=dict(raw["had"]),
            components=tuple(raw["components"]),
        )


@dataclass(frozen=True)
class RestoreReport:
    """How a restore ended. Seconds; ``rpo_seconds`` is None when no transaction was replayed or a target was given."""

    id: str
    set_id: str
    target: str
    timeline: int | None
    reached_lsn: str | None
    last_commit_at: datetime | None
    rpo_seconds: float | None
    rto_seconds: float
    total_seconds: float
    counts: Mapping[str, int | None] = field(default_factory=dict)
    counts_in_set: Mapping[str, int | None] = field(default_factory=dict)
    vectors_missing: int | None = None
    vectors_surplus: int | None = None
    replaced: str | None = None
    problems: Sequence[str] = ()
