"""The post-incident report: basics, impact, alerts, timeline, five whys, actions, lessons.

The parts follow section 15.5 of the specification of Claude-Mem. What people wrote is in its place; what nobody
wrote is a box to be filled in, never a guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.incident import Incident, NoteKind
from controlplane.services.incidents.desk import IncidentFile
from controlplane.services.incidents.words import kind_word, word
from controlplane.services.slo.report.document import Block, Cell, Document, Inline, Section, Table, Text, plain
from controlplane.services.slo.report.formats import DASH, Formats
from controlplane.services.slo.report.words import Language, Speaker

MOST_ALERTS = 200
_WHYS = 5


@dataclass(frozen=True)
class Loss:
    """What one objective lost. ``of_budget`` is its share of the budget of the whole window, None when not known."""

    title: str
    title_zh: str
    amount: float
    unit: str
    of_budget: float | None
    unknown_seconds: float


@dataclass(frozen=True)
class Losses:
    """What the objectives lost in the time of the incident, or why that is not known."""

    found: Sequence[Loss] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Making:
    """How a report is made. ``response_seconds`` are the times within which each priority is to be acknowledged."""

    language: Language
    time_zone: str
    now: datetime
    version: str
    response_seconds: Mapping[str, float]


def compose_incident(shown: IncidentFile, losses: Losses, making: Making) -> Document:
    """The document of an incident in one language."""
    return _Composer(shown, losses, making).document()


class _Composer:
    def __init__(self, shown: IncidentFile, losses: Losses, making: Making) -> None:
        self._shown = shown
        self._incident = shown.incident
        self._losses = losses
        self._making = making
        self._formats = Formats(Speaker(making.language), making.time_zone)

    def _say(self, key: str, **values: object) -> str:
        return word(key, self._making.language, **values)

    def document(self) -> Document:
        incident, say = self._incident, self._say
        title = incident.title_zh if self._making.language == "zh" else incident.title
        if incident.state == "closed":
            by, reason = incident.closed_by or say("somebody"), incident.close_reason or DASH
            state, verdict, sentence = say("closed"), "met", say("sentence_closed", by=by, reason=reason)
        else:
            state = say("open_firing" if incident.firing else "open_recovered" if incident.recovered_at else "open")
            verdict, sentence = "missed" if incident.firing else "at_risk", say("sentence_open")
        sections = (
            self._impact(),
            self._alerts(),
            self._timeline(),
            self._whys(),
            self._actions(),
            self._written("lessons", "lesson"),
            self._written("notes", "note"),
        )
        return Document(
            language=self._making.language,
            title=say("title", number=incident.number),
            subtitle=title,
            verdict=verdict,  # type: ignore[arg-type] # one of three literals above
            verdict_text=state,
            sentence=" ".join(sentence.split()),
            facts=self._basics(),
            sections=sections,
            footer=say("footer", at=self._formats.moment(self._making.now), version=self._making.version),
            words={"colon": self._formats.say("colon"), "verdict": say("state")},
        )

    def _basics(self) -> tuple[tuple[str, Cell], ...]:
        incident, say, moment = self._incident, self._say, self._formats.moment
        acknowledged = (
            say("at_by", at=moment(incident.acknowledged_at), by=incident.acknowledged_by or say("somebody"))
            if incident.acknowledged_at
            else say("nobody")
        )
        rows = [
            ("number", incident.number),
            ("priority", incident.priority),
            ("service", f"{incident.service or DASH} ({incident.profile})"),
            ("began", moment(incident.began_at)),
            ("detected", moment(incident.opened_at)),
            ("acknowledged", acknowledged),
            ("recovered", moment(incident.recovered_at) if incident.recovered_at else say("not_yet")),
            ("closed_at", moment(incident.closed_at) if incident.closed_at else say("not_yet")),
            ("duration", self._duration()),
            ("mtta", self._time_to_acknowledge()),
            ("mttr", self._span(incident.seconds_to_recover)),
            ("times", self._making.time_zone),
        ]
        return tuple((say(key), plain(text)) for key, text in rows)

    def _duration(self) -> str:
        """From the first alert to the end of the last; alerts are what is known, pauses between them included."""
        seconds = self._incident.seconds_to_recover
        if seconds is not None:
            return self._formats.span(seconds)
        so_far = (self._making.now - self._incident.began_at).total_seconds()
        return self._say("lasting", span=self._formats.span(max(0.0, so_far)))

    def _time_to_acknowledge(self) -> str:
        seconds = self._incident.seconds_to_acknowledge
        limit = self._making.response_seconds.get(self._incident.priority)
        if seconds is None or limit is None:
            return self._span(seconds)
        key = "in_time" if seconds <= limit else "too_late"
        return self._say(key, span=self._formats.span(seconds), limit=self._formats.span(limit))

    def _span(self, seconds: float | None) -> str:
        return DASH if seconds is None else self._formats.span(seconds)

    def _impact(self) -> Section:
        say = self._say
        notes = self._of_kind("impact")
        keys = ("users", "functions", "data_loss", "business")
        rows = [(plain(say(key)), plain(say("fill_in"), "dim")) for key in keys]
        if notes:
            rows = [(plain(say("written_impact")), plain(text)) for text, _ in notes] + rows
        table = Table(say("impact"), (say("impact"), say("detail")), tuple(rows), wide=1)
        return Section("impact", say("impact"), (table, *self._slo_loss()))

    def _slo_loss(self) -> tuple[Block, ...]:
        say = self._say
        if self._losses.problem is not None:
            return (Text(plain(f"{say('slo_loss')}: {say('slo_unknown', problem=self._losses.problem)}")),)
        if not self._losses.found:
            return (Text(plain(say("slo_none"))),)
        rows = tuple(
            (
                plain(one.title_zh if self._making.language == "zh" else one.title),
                plain(self._formats.amount("seconds" if one.unit == "seconds" else "events", one.amount)),
                plain(DASH if one.of_budget is None else self._formats.share(one.of_budget, 1)),
                plain(self._formats.span(one.unknown_seconds) if one.unknown_seconds else DASH),
            )
            for one in self._losses.found
        )
        headers = tuple(say(key) for key in ("objective", "lost", "of_budget", "unknown_time"))
        return (Table(say("slo_loss"), headers, rows, numeric=frozenset({1, 2, 3})),)

    def _alerts(self) -> Section:
        say, moment, zh = self._say, self._formats.moment, self._making.language == "zh"
        shown = self._shown.alerts[:MOST_ALERTS]
        rows = tuple(
            (
                plain(f"{alert.priority} {alert.name}"),
                plain(moment(alert.starts_at), "figure"),
                plain(moment(alert.ends_at) if alert.ends_at else say("not_yet"), "figure"),
                plain(alert.acknowledged_by or DASH),
                plain((alert.summary_zh if zh and alert.summary_zh else alert.summary) or DASH),
            )
            for alert in shown
        )
        headers = tuple(say(key) for key in ("alert", "starts", "ends", "taken_by", "detail"))
        more = max(self._incident.alert_count, len(self._shown.alerts)) - len(shown)
        note = say("more_alerts", count=more) if more > 0 else ""
        return Section("alerts", say("alerts"), (Table(say("alerts"), headers, rows, wide=4, note=note),))

    def _timeline(self) -> Section:
        say = self._say
        rows = tuple(
            (
                plain(self._formats.moment(entry.at), "figure"),
                plain(kind_word(entry.kind, self._making.language)),
                plain(entry.actor or DASH),
                plain(
                    " ".join(filter(None, [entry.subject, entry.detail, f"({entry.outcome})" * bool(entry.outcome)]))
                ),
            )
            for entry in self._shown.timeline
        )
        headers = tuple(say(key) for key in ("at", "what", "who", "detail"))
        problems = "; ".join(self._shown.problems)
        note = say("timeline_gaps", problems=problems) if problems else ""
        return Section("timeline", say("timeline"), (Table(say("timeline"), headers, rows, wide=3, note=note),))

    def _whys(self) -> Section:
        say, answers = self._say, [text for text, _ in self._of_kind("why")]
        rows = []
        for index in range(max(_WHYS, len(answers))):
            question = say(f"why_{index + 1}") if index < _WHYS else say("why_more")
            answer = plain(answers[index]) if index < len(answers) else plain(say("fill_in"), "dim")
            rows.append((plain(question), answer))
        return Section(
            "whys", say("whys"), (Table(say("whys"), (say("question"), say("answer")), tuple(rows), wide=1),)
        )

    def _actions(self) -> Section:
        say, actions = self._say, self._of_kind("action")
        rows = [(plain(f"☐ {text}"), plain(author)) for text, author in actions]
        if not actions:
            keys = ("short_term", "medium_term", "long_term")
            rows = [(plain(f"{say(key)} {say('fill_in')}", "dim"), plain(DASH)) for key in keys]
        table = Table(say("actions"), (say("action"), say("by")), tuple(rows))
        return Section("actions", say("actions"), (table,))

    def _written(self, title: str, kind: NoteKind) -> Section:
        notes = self._of_kind(kind)
        blocks = tuple(Text((Inline(f"{author}: ", kind="strong"), Inline(text))) for text, author in notes)
        return Section(title, self._say(title), blocks or (Text(plain(self._say("fill_in"), "dim")),))

    def _of_kind(self, kind: NoteKind) -> list[tuple[str, str]]:
        return [(" ".join(note.text.split()), note.author) for note in self._shown.notes if note.kind == kind]


def time_of(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """The time over which the objectives' losses are counted: at least a minute, until it recovered."""
    end = incident.recovered_at or incident.closed_at or now
    return incident.began_at, max(end, incident.began_at + timedelta(minutes=1))
