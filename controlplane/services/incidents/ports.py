"""What incidents need from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.domain.alert import Priority
from controlplane.domain.incident import (
    Incident,
    IncidentAlert,
    IncidentNote,
    IncidentState,
    NoteKind,
    TimelineEntry,
)


@dataclass(frozen=True)
class IncidentFilter:
    """Which incidents are wanted; the newest ``limit``. ``since``: open, or closed after it."""

    state: IncidentState | None = None
    number: str | None = None
    since: datetime | None = None
    limit: int | None = None


@dataclass(frozen=True)
class NewIncident:
    """An incident that somebody opens by hand."""

    title: str
    priority: Priority
    profile: str
    service: str
    author: str
    began_at: datetime
    at: datetime


@dataclass(frozen=True)
class NewNote:
    """A note to be written; the same ``key`` twice writes it once."""

    number: str
    key: str
    kind: NoteKind
    author: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Closing:
    """How an incident is closed. ``anyway``: although alerts of it fire. ``timeline`` is kept from then on."""

    number: str
    author: str
    reason: str
    at: datetime
    timeline: Sequence[TimelineEntry]
    anyway: bool = False


@dataclass(frozen=True)
class Placed:
    """What one look changed."""

    opened: Sequence[str] = ()
    joined: int = 0
    reopened: Sequence[str] = ()
    is_all: bool = True


@dataclass(frozen=True)
class Group:
    """Incidents of one state and priority, with the means over those of them that have the times."""

    state: IncidentState
    priority: Priority
    incidents: int
    acknowledged: int
    recovered: int
    mtta: float | None
    mttr: float | None


class IncidentStore(Protocol):
    """Keeps incidents. Every method raises DependencyUnreachable while the store does not answer."""

    async def look(self, now: datetime, default_profile: str, join_window: timedelta) -> Placed:
        """Follow the alerts of incidents and place the new ones, in one transaction; several at once take turns."""
        ...

    async def open(self, wanted: NewIncident) -> Incident:
        """Open one by hand, with its entry in the action ledger."""
        ...

    async def list_incidents(self, wanted: IncidentFilter) -> list[Incident]:
        """The wanted incidents, newest first."""
        ...

    async def alerts(self, number: str) -> list[IncidentAlert]:
        """The alerts of an incident that details are kept of, oldest first."""
        ...

    async def notes(self, number: str) -> list[IncidentNote]:
        """What was written about it, oldest first."""
        ...

    async def kept_timeline(self, number: str) -> list[TimelineEntry]:
        """The timeline as it was kept when the incident was last closed."""
        ...

    async def happenings(
        self, incident: Incident, fingerprints: Sequence[str], before: datetime, end: datetime, until: datetime
    ) -> list[TimelineEntry]:
        """What the store knows of an incident's time, oldest first: alerts are not among it.

        Anything that was done from ``before`` to ``until``; what concerns its alerts, from its beginning to ``end``.
        """
        ...

    async def note(self, note: NewNote) -> bool:
        """Write a note; False when there is no such incident."""
        ...

    async def close(self, closing: Closing) -> bool:
        """Close it, with its entry in the action ledger; False when it is not open or an alert of it fires."""
        ...

    async def reopen(self, number: str, author: str, reason: str, at: datetime) -> bool:
        """Open it again, with its entry in the action ledger; False when it is not closed."""
        ...

    async def to_close(self, before: datetime) -> list[str]:
        """Open incidents whose alerts had all ended before a moment."""
        ...

    async def figures(self, since: datetime) -> list[Group]:
        """Counts and means, of open incidents and of those that began since a moment."""
        ...
