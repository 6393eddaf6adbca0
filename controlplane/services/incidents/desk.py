"""What people ask about incidents and do with them."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.domain.alert import Priority
from controlplane.domain.incident import (
    NOTE_KINDS,
    Incident,
    IncidentAlert,
    IncidentNote,
    NoteKind,
    TimelineEntry,
    merged,
)
from controlplane.domain.maintenance import matches
from controlplane.domain.payload_text import PayloadProblem, clean
from controlplane.domain.silence import Silence
from controlplane.errors import CmctlError, Refused, UsageProblem
from controlplane.services.acknowledge import checked_author
from controlplane.services.incidents.ports import Closing, IncidentFilter, IncidentStore, NewIncident, NewNote
from controlplane.services.ports import Clock

LOOK_BACK = timedelta(hours=1)  # a change before it may be its cause
LOOK_AFTER = timedelta(hours=1)  # what is done after it has recovered may belong to it
MAX_TEXT_CHARACTERS = 10_000
MAX_TITLE_CHARACTERS = 200
MAX_KEY_CHARACTERS = 100
_NUMBER = re.compile(r"INC-\d{8}-\d{3,9}")


class SilenceReader(Protocol):
    """Alertmanager's silences."""

    async def silences(self) -> list[Silence]:
        """Every silence that it remembers. Raises CmctlError."""
        ...


@dataclass(frozen=True)
class IncidentFile:
    """Everything about one incident. ``problems``: what could not be asked, so that the timeline may lack it."""

    incident: Incident
    alerts: Sequence[IncidentAlert]
    notes: Sequence[IncidentNote]
    timeline: Sequence[TimelineEntry]
    problems: Sequence[str] = ()


class IncidentDesk:
    """Every method raises DependencyUnreachable while the store does not answer, UsageProblem for an unknown number."""

    def __init__(self, store: IncidentStore, silences: SilenceReader, default_profile: str, clock: Clock) -> None:
        self._store = store
        self._silences = silences
        self._default_profile = default_profile
        self._clock = clock

    async def list_incidents(self, wanted: IncidentFilter) -> list[Incident]:
        """The wanted incidents, newest first."""
        return await self._store.list_incidents(wanted)

    async def find(self, number: str) -> Incident:
        """One incident; ``latest`` is the one that began last."""
        if number == "latest":
            wanted = IncidentFilter(limit=1)
        elif _NUMBER.fullmatch(number):
            wanted = IncidentFilter(number=number, limit=1)
        else:
            raise UsageProblem(f"{number[:50]!r} is no number of an incident", hint="such as INC-20261121-001")
        found = await self._store.list_incidents(wanted)
        if not found:
            raise UsageProblem(f"there is no incident {number}", hint="see cmctl incident list")
        return found[0]

    async def show(self, number: str) -> IncidentFile:
        """One incident with its alerts, notes and timeline."""
        incident = await self.find(number)
        alerts = await self._store.alerts(incident.number)
        notes = await self._store.notes(incident.number)
        end = incident.closed_at or self._clock()
        until = min(end, incident.recovered_at + LOOK_AFTER) if incident.recovered_at else end
        fingerprints = sorted({alert.fingerprint for alert in alerts})
        happenings = await self._store.happenings(incident, fingerprints, incident.began_at - LOOK_BACK, end, until)
        silenced, problems = await self._silenced(alerts, incident, end)
        kept = await self._store.kept_timeline(incident.number)
        own = [*_of_alerts(alerts, incident), *_of_notes(notes)]
        return IncidentFile(incident, alerts, notes, merged(kept, happenings, silenced, own), problems)

    async def _silenced(
        self, alerts: Sequence[IncidentAlert], incident: Incident, end: datetime
    ) -> tuple[list[TimelineEntry], list[str]]:
        """Silences that muted an alert of the incident."""
        try:
            silences = await self._silences.silences()
        except CmctlError as error:
            return [], [f"silences are not known: {error.message}"]
        return [
            TimelineEntry(
                silence.starts_at,
                "silence",
                ", ".join(str(matcher) for matcher in silence.matchers),
                silence.created_by,
                silence.comment,
                silence.state,
                silence.ends_at,
            )
            for silence in silences
            if silence.starts_at <= end and silence.ends_at >= incident.began_at and _mutes(silence, alerts)
        ], []

    async def open(
        self, title: str, priority: Priority, service: str, author: str, began_at: datetime | None = None
    ) -> Incident:
        """Open one that no alert told of. Raises PayloadProblem."""
        now = self._clock()
        began = began_at or now
        if began > now:
            raise PayloadProblem("began_at", "must not lie in the future")
        text = " ".join(str(clean(title)).split())
        if not text or len(text) > MAX_TITLE_CHARACTERS:
            raise PayloadProblem("title", f"must be 1 to {MAX_TITLE_CHARACTERS} characters")
        about = " ".join(str(clean(service)).split())[:MAX_TITLE_CHARACTERS]
        return await self._store.open(
            NewIncident(text, priority, self._default_profile, about, checked_author(author), began, now)
        )

    async def note(self, number: str, author: str, text: str, kind: NoteKind = "note", key: str = "") -> IncidentFile:
        """Write something; the same ``key`` twice writes it once. Raises PayloadProblem."""
        if kind not in NOTE_KINDS:
            raise PayloadProblem("kind", f"must be one of {', '.join(NOTE_KINDS)}")
        words = str(clean(text)).strip()
        if not words or len(words) > MAX_TEXT_CHARACTERS:
            raise PayloadProblem("text", f"must be 1 to {MAX_TEXT_CHARACTERS} characters")
        if len(key) > MAX_KEY_CHARACTERS:
            raise PayloadProblem("key", f"must be at most {MAX_KEY_CHARACTERS} characters")
        incident = await self.find(number)
        note_key = f"{incident.number}/{clean(key) or secrets.token_hex(8)}"
        await self._store.note(NewNote(incident.number, note_key, kind, checked_author(author), words, self._clock()))
        return await self.show(incident.number)

    async def close(self, number: str, author: str, reason: str, anyway: bool = False) -> IncidentFile:
        """Close it and keep its timeline. Raises Refused while alerts of it fire, unless ``anyway``."""
        by = checked_author(author)
        words = str(clean(reason)).strip()[:MAX_TEXT_CHARACTERS]
        shown = await self.show(number)
        incident = shown.incident
        if incident.state == "closed":
            raise Refused(f"{incident.number} is closed already", hint="cmctl incident reopen opens it again")
        closing = Closing(incident.number, by, words, self._clock(), shown.timeline, anyway)
        if not await self._store.close(closing):
            names = sorted({alert.name for alert in shown.alerts if alert.state == "firing"})
            raise Refused(
                f"{incident.number} cannot be closed: alerts of it fire ({', '.join(names) or 'others than shown'})",
                hint="end their cause first, or close it with --anyway",
            )
        return await self.show(incident.number)

    async def reopen(self, number: str, author: str, reason: str) -> IncidentFile:
        """Open it again. Raises Refused when it is open."""
        by = checked_author(author)
        words = str(clean(reason)).strip()[:MAX_TEXT_CHARACTERS]
        incident = await self.find(number)
        if not await self._store.reopen(incident.number, by, words, self._clock()):
            raise Refused(f"{incident.number} is open already")
        return await self.show(incident.number)


def _of_alerts(alerts: Sequence[IncidentAlert], incident: Incident) -> list[TimelineEntry]:
    entries = [TimelineEntry(incident.opened_at, "opened", incident.number, incident.opened_by, incident.title)]
    for alert in alerts:
        subject = f"{alert.priority} {alert.name} {alert.fingerprint}"
        entries.append(TimelineEntry(alert.starts_at, "alert_firing", subject, "", alert.summary))
        if alert.ends_at is not None:
            entries.append(TimelineEntry(alert.ends_at, "alert_resolved", subject))
    return entries


def _of_notes(notes: Sequence[IncidentNote]) -> list[TimelineEntry]:
    return [TimelineEntry(note.at, note.kind, "", note.author, note.text) for note in notes]


def _mutes(silence: Silence, alerts: Sequence[IncidentAlert]) -> bool:
    try:
        return any(matches(silence.matchers, dict(alert.labels)) for alert in alerts)
    except re.error:  # Alertmanager's regular expressions are RE2's
        return False
