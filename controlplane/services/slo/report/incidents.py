"""Incidents in a report: read from the store, and put into words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from controlplane.domain.incident import Incident
from controlplane.domain.slo.incident_costs import Cost, costs, unexplained
from controlplane.domain.slo.incidents import IncidentFact, IncidentHistory
from controlplane.domain.slo.report import ObjectiveReport, Report
from controlplane.errors import CmctlError
from controlplane.services.incidents.ports import IncidentFilter
from controlplane.services.slo.report.document import Block, Cell, Inline, Section, Table, Text, plain
from controlplane.services.slo.report.formats import DASH, Formats

MAX_INCIDENTS = 1000


class Incidents(Protocol):
    """The incidents that are known."""

    async def list_incidents(self, wanted: IncidentFilter) -> list[Incident]:
        """The wanted incidents, newest first. Raises DependencyUnreachable."""
        ...


async def read_incidents(store: Incidents, start: datetime, end: datetime, public_url: str) -> IncidentHistory:
    """Incidents that went on at any time from ``start`` to ``end``.

    ``public_url`` is the control plane as people reach it, for links. Never raises CmctlError: what is not known is
    said in the answer.
    """
    try:
        found = await store.list_incidents(IncidentFilter(since=start, limit=MAX_INCIDENTS))
    except CmctlError as error:
        return IncidentHistory((), error.message)
    facts = [_fact(one, public_url) for one in reversed(found)]
    return IncidentHistory(tuple(fact for fact in facts if fact.overlaps(start, end)))


def _fact(incident: Incident, public_url: str) -> IncidentFact:
    return IncidentFact(
        number=incident.number,
        title=incident.title,
        title_zh=incident.title_zh,
        priority=incident.priority,
        service=incident.service,
        began_at=incident.began_at,
        recovered_at=incident.recovered_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        closed_at=incident.closed_at,
        url=f"{public_url}/incidents/{incident.number}" if public_url else "",
    )


def incident_section(report: Report, formats: Formats) -> list[Section]:
    """The incidents of the period, and what each cost. Nothing where nobody asked for them."""
    history, say = report.incidents, formats.say
    if history is None:
        return []
    if history.problem is not None:
        blocks: list[Block] = [Text(plain(say("incidents_problem", problem=history.problem)))]
        return [Section("incidents", say("incidents"), tuple(blocks))]
    missing = unexplained(history.incidents, report.objectives)
    note = say("incidents_unexplained", count=missing) if missing else ""
    if not history.incidents:
        text = say.sentences(say("incidents_none"), note)
        return [Section("incidents", say("incidents"), (Text(plain(text)),))]
    keys = ("incident", "from", "recovered", "lasted", "acknowledged", "incident_cost")
    rows = tuple(_row(one, costs(one, report.objectives), formats) for one in history.incidents)
    note = say.sentences(say("incidents_note"), note)
    table = Table(say("incidents"), tuple(say(key) for key in keys), rows, numeric=frozenset({3}), wide=-1, note=note)
    return [Section("incidents", say("incidents"), (table,))]


def _row(incident: IncidentFact, lost: Sequence[Cost], formats: Formats) -> tuple[Cell, ...]:
    say = formats.say
    title = incident.title_zh if say.language == "zh" else incident.title
    name = (
        Inline(incident.number, incident.url),
        Inline(" "),
        Inline(incident.priority, kind="strong"),
        Inline(f" {title}"),
    )
    began, over = incident.began_at, incident.recovered_at
    taken = DASH
    if incident.acknowledged_at is not None:
        after = formats.span(max(0.0, (incident.acknowledged_at - began).total_seconds()))
        taken = say("incident_taken", after=after, name=incident.acknowledged_by or DASH)
    return (
        name,
        plain(formats.moment(began), "figure"),
        plain(formats.until(began, over), "figure") if over else plain(say("incident_going_on"), "at_risk"),
        plain(formats.span((over - began).total_seconds()) if over else DASH),
        plain(taken),
        _costs(lost, formats),
    )


def _costs(lost: Sequence[Cost], formats: Formats) -> Cell:
    say = formats.say
    if not lost:
        return plain(say("incident_no_cost"), "dim")
    pieces: list[Inline] = []
    for one in lost:
        title = one.objective.title_zh if say.language == "zh" else one.objective.title
        amount, share = formats.amount(one.objective.unit, one.bad), formats.share(one.budget_share, 1)
        pieces += [*([Inline("\n")] if pieces else []), Inline(title, f"#{one.objective.name}")]
        pieces.append(Inline(say("incident_cost_of", amount=amount, share=share)))
    return tuple(pieces)


def incident_records(history: IncidentHistory | None, objectives: Sequence[ObjectiveReport]) -> dict[str, Any] | None:
    """As the report's JSON has it."""
    if history is None:
        return None
    return {
        "problem": history.problem,
        "losses_without_incident": None if history.problem else unexplained(history.incidents, objectives),
        "incidents": [_record(one, costs(one, objectives)) for one in history.incidents],
    }


def _record(incident: IncidentFact, lost: Sequence[Cost]) -> dict[str, Any]:
    return {
        "number": incident.number,
        "title": incident.title,
        "title_zh": incident.title_zh,
        "priority": incident.priority,
        "service": incident.service,
        "began_at": incident.began_at,
        "recovered_at": incident.recovered_at,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by,
        "closed_at": incident.closed_at,
        "url": incident.url or None,
        "costs": [{"objective": one.objective.name, "bad": one.bad, "budget_share": one.budget_share} for one in lost],
    }
