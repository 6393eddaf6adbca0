"""An incident: what urgent alerts of one service have in common, from the first of them until people close it.

Every alert of priority P0 or P1 belongs to one. It joins the incident that is
open for the same profile and service while one of its alerts fires, or when it
began within ``join_window`` of the last news of that incident; else it opens
one. Less urgent alerts join an incident in the same way and open none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.alert import Alert, AlertState, Priority

IncidentState = Literal["open", "closed"]
NoteKind = Literal["note", "impact", "why", "action", "lesson"]
NOTE_KINDS: tuple[NoteKind, ...] = ("note", "impact", "why", "action", "lesson")
OPENING: frozenset[str] = frozenset({"P0", "P1"})


@dataclass(frozen=True)
class Incident:
    """``began_at`` is the start of its first alert, ``news_at`` when one of its alerts last began or ended.

    ``recovered_at`` is when the last of its alerts ended, None while one fires.
    ``alert_count`` counts all of them; details are kept of the first thousand.
    """

    number: str
    state: IncidentState
    title: str
    title_zh: str
    priority: Priority
    profile: str
    service: str
    began_at: datetime
    opened_at: datetime
    opened_by: str
    news_at: datetime
    firing: bool
    alert_count: int
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    recovered_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    close_reason: str = ""

    @property
    def seconds_to_acknowledge(self) -> float | None:
        """From the start of its first alert to the first acknowledgement."""
        return _seconds(self.began_at, self.acknowledged_at)

    @property
    def seconds_to_recover(self) -> float | None:
        """From the start of its first alert to the end of its last."""
        return _seconds(self.began_at, self.recovered_at)


@dataclass(frozen=True)
class IncidentAlert:
    """One alert of an incident, as it was and is."""

    fingerprint: str
    starts_at: datetime
    name: str
    priority: Priority
    severity: str
    summary: str
    summary_zh: str
    labels: Mapping[str, str]
    state: AlertState
    ends_at: datetime | None
    joined_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


@dataclass(frozen=True)
class IncidentNote:
    """What somebody wrote: what happened, or a part of the report (impact, a why, an action to take, a lesson)."""

    kind: NoteKind
    author: str
    text: str
    at: datetime


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened. ``kind`` is a word that both languages have a sentence for."""

    at: datetime
    kind: str
    subject: str = ""
    actor: str = ""
    detail: str = ""
    outcome: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Candidate:
    """An alert in the store that may belong to an incident."""

    alert_id: int
    alert: Alert


@dataclass
class Draft:
    """An incident that is to be opened."""

    incident: Incident
    members: list[Candidate] = field(default_factory=list)


@dataclass
class Placing:
    """What joins which open incident, and what is opened, in the order of the alerts' starts."""

    joined: dict[str, list[Candidate]] = field(default_factory=dict)
    opened: list[Draft] = field(default_factory=list)


def service_of(labels: Mapping[str, str]) -> str:
    """What an alert is about: its service, else its job, else its name."""
    return labels.get("service") or labels.get("job") or labels.get("alertname", "")


def profile_of(labels: Mapping[str, str], default: str) -> str:
    """The profile that an alert belongs to."""
    return labels.get("profile") or default


def place(
    candidates: Iterable[Candidate],
    open_incidents: Sequence[Incident],
    default_profile: str,
    join_window: timedelta,
    now: datetime,
) -> Placing:
    """Decide where alerts belong, in the order of their starts."""
    placing = Placing()
    known = {incident.number: incident for incident in open_incidents}
    for candidate in sorted(candidates, key=lambda one: (one.alert.starts_at, one.alert_id)):
        alert = candidate.alert
        service, profile = service_of(alert.labels), profile_of(alert.labels, default_profile)
        numbers = [number for number, one in known.items() if takes(one, alert, profile, service, join_window)]
        draft = next((one for one in placing.opened if takes(one.incident, alert, profile, service, join_window)), None)
        if numbers:
            number = max(numbers, key=lambda one: known[one].began_at)
            known[number] = _with(known[number], alert)
            placing.joined.setdefault(number, []).append(candidate)
        elif draft is not None:
            draft.incident = _with(draft.incident, alert)
            draft.members.append(candidate)
        elif alert.priority in OPENING:
            placing.opened.append(Draft(_opened(alert, profile, service, now), [candidate]))
    return placing


def takes(incident: Incident, alert: Alert, profile: str, service: str, join_window: timedelta) -> bool:
    """Whether an alert joins an incident that is open."""
    if (incident.profile, incident.service) != (profile, service):
        return False
    last = alert.ends_at or alert.starts_at
    if last < incident.began_at - join_window:
        return False
    return incident.firing or alert.starts_at <= incident.news_at + join_window


def _opened(alert: Alert, profile: str, service: str, now: datetime) -> Incident:
    return Incident(
        number="",
        state="open",
        title=_title(alert, "summary"),
        title_zh=_title(alert, "summary_zh") if alert.annotations.get("summary_zh") else _title(alert, "summary"),
        priority=alert.priority,
        profile=profile,
        service=service,
        began_at=alert.starts_at,
        opened_at=now,
        opened_by="alert",
        news_at=max(alert.starts_at, alert.ends_at or alert.starts_at),
        firing=alert.state == "firing",
        alert_count=1,
    )


def _title(alert: Alert, annotation: str) -> str:
    summary = " ".join(alert.annotations.get(annotation, "").split())
    return (f"{alert.name}: {summary}" if summary else alert.name or "(no name)")[:200]


def _with(incident: Incident, alert: Alert) -> Incident:
    return replace(
        incident,
        priority=min(incident.priority, alert.priority),
        began_at=min(incident.began_at, alert.starts_at),
        news_at=max(incident.news_at, alert.starts_at, alert.ends_at or alert.starts_at),
        firing=incident.firing or alert.state == "firing",
        alert_count=incident.alert_count + 1,
    )


def merged(*timelines: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """Timelines as one, oldest first. What is in several is told once; the later telling knows more of how it ended."""
    found: dict[tuple[datetime, str, str, str], TimelineEntry] = {}
    for timeline in timelines:
        for entry in timeline:
            found[(entry.at, entry.kind, entry.subject, entry.actor)] = entry
    return sorted(found.values(), key=lambda one: (one.at, _RANK.get(one.kind, 5), one.subject, one.actor))


_RANK = {"alert_firing": 0, "opened": 1, "joined": 1, "alert_resolved": 8, "closed": 9}


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of what is known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, (end - start).total_seconds())
