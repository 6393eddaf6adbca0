"""Planned work: something done on purpose that takes services away, such as a restore or a drill.

It is two things at once: an entry of the action ledger, and a maintenance for the services that it takes away. A record
of it is kept beside the database, because the database may be what is being replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from controlplane.domain.action import Action, ActionOutcome
from controlplane.domain.maintenance import Maintenance
from controlplane.domain.maintenance_entry import Entry, accept, checked_text

MAX_DETAIL = 2000


@dataclass(frozen=True)
class PlannedWork:
    """One piece of work. Without ``services`` nothing is excluded or silenced, and only the ledger knows of it.

    ``key`` is unique everywhere. ``longest`` ends its window if nobody does. ``closed_at`` is None, and ``outcome``
    running, until it is over. ``is_settled`` says that the database has been told how it ended.
    """

    key: str
    kind: str
    author: str
    subject: str
    reason: str
    services: tuple[str, ...]
    opened_at: datetime
    longest: timedelta
    closed_at: datetime | None = None
    outcome: ActionOutcome = "running"
    detail: str = ""
    is_settled: bool = False

    def closed(self, at: datetime, outcome: ActionOutcome, detail: str) -> "PlannedWork":
        """It is over since ``at``."""
        return replace(self, closed_at=max(at, self.opened_at), outcome=outcome, detail=detail[:MAX_DETAIL])

    def entry(self) -> Entry:
        """Its window as a request. It begins when it is entered."""
        return Entry(
            key=self.key,
            author=self.author,
            reason=self.reason,
            services=self.services,
            matchers=(),
            everything=False,
            starts_at=None,
            ends_at=None,
            duration_seconds=self.longest.total_seconds(),
            recurrence=None,
            time_zone="UTC",
            work=self.kind,
        )

    def maintenance(self) -> Maintenance | None:
        """Its window as it really was, None without services. Raises PayloadProblem."""
        if not self.services:
            return None
        window = accept(self.entry(), self.opened_at)
        if self.closed_at is None or self.closed_at >= window.ends_at:
            return window
        return replace(window, ended_at=self.closed_at, ended_by=window.author)

    def action(self) -> Action:
        """Its entry of the ledger. Raises PayloadProblem."""
        return Action(
            id=0,
            kind=self.kind,
            actor=checked_text("author", self.author),
            subject=self.subject,
            detail=self.detail or self.reason,
            at=self.opened_at,
            until=self.closed_at,
            outcome=self.outcome,
            key=self.key,
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "key": self.key,
            "kind": self.kind,
            "author": self.author,
            "subject": self.subject,
            "reason": self.reason,
            "services": list(self.services),
            "opened_at": self.opened_at.isoformat(),
            "longest_seconds": self.longest.total_seconds(),
            "closed_at": None if self.closed_at is None else self.closed_at.isoformat(),
            "outcome": self.outcome,
            "detail": self.detail,
            "is_settled": self.is_settled,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "PlannedWork":
        """Read a record. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            key=str(raw["key"]),
            kind=str(raw["kind"]),
            author=str(raw["author"]),
            subject=str(raw["subject"]),
            reason=str(raw["reason"]),
            services=tuple(str(one) for one in raw["services"]),
            opened_at=_moment(raw["opened_at"]),
            longest=timedelta(seconds=float(raw["longest_seconds"])),
            closed_at=None if raw["closed_at"] is None else _moment(raw["closed_at"]),
            outcome=raw["outcome"],
            detail=str(raw["detail"]),
            is_settled=bool(raw["is_settled"]),
        )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone")
    return moment
