"""Incidents in a report: what each cost, what no incident explains, and what is not known."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from controlplane.domain.incident import Incident
from controlplane.domain.slo.incidents import IncidentFact, IncidentHistory
from controlplane.domain.slo.report import Report
from controlplane.errors import DependencyUnreachable
from controlplane.services.incidents.ports import IncidentFilter
from controlplane.services.slo.report.document import text_of
from controlplane.services.slo.report.formats import Formats
from controlplane.services.slo.report.incidents import incident_records, incident_section, read_incidents
from controlplane.services.slo.report.words import LANGUAGES, Language, Speaker
from tests.support.reports import END, INCIDENTS, START, at, incident, make_report

URL = "http://127.0.0.1:8081"


class StandIn:
    """A store that gives what it was made with."""

    def __init__(self, *found: Incident) -> None:
        self.found = list(found)

    async def list_incidents(self, wanted: IncidentFilter) -> list[Incident]:
        return self.found


class Away:
    """A store that does not answer."""

    async def list_incidents(self, wanted: IncidentFilter) -> list[Incident]:
        raise DependencyUnreachable("PostgreSQL does not answer")


def stored(number: str, began: datetime, recovered: datetime | None, closed: datetime | None = None) -> Incident:
    return Incident(
        number=number,
        state="closed" if closed else "open",
        title="t",
        title_zh="t",
        priority="P0",
        profile="claude-memory",
        service="claude-memory-mcp",
        began_at=began,
        opened_at=began,
        opened_by="alert",
        news_at=began,
        firing=False,
        alert_count=1,
        recovered_at=recovered,
        closed_at=closed,
    )


async def with_incidents(*incidents: IncidentFact, problem: str | None = None) -> Report:
    return replace(await make_report(), incidents=IncidentHistory(incidents, problem))


def in_words(report: Report, language: Language = "en") -> str:
    (section,) = incident_section(report, Formats(Speaker(language), "UTC"))
    return repr(section)


async def test_an_incident_costs_what_the_objectives_of_its_service_lost_in_its_time() -> None:
    """The outage of 30 minutes is its; the one of 4 minutes, the failed requests and the old backup are nobody's."""
    report = await with_incidents(*INCIDENTS.incidents)
    record = incident_records(report.incidents, report.objectives)
    assert record is not None
    first, second = record["incidents"]
    (cost,) = first["costs"]
    # Of ten days 94.96 % is known: 2 hours of maintenance and half a day are not, and a thousandth may be bad.
    allowed = (10 * 86_400 - 2 * 3600 - (12 * 3600 - 30)) / 1000
    assert (cost["objective"], cost["bad"]) == ("mcp-availability", 1800)
    assert cost["budget_share"] == pytest.approx(1800 / allowed)
    assert (second["costs"], record["losses_without_incident"], record["problem"]) == ([], 3, None)
    assert first["url"] == f"{URL}/incidents/INC-2026-0007"


@pytest.mark.parametrize(
    ("case", "began", "recovered", "bad"),
    [
        ("as long as the loss", at(2, 600), at(2, 630), 1800),
        ("it began ten minutes after the loss was over", at(2, 640), at(2, 650), None),
        ("it began within ten minutes of it", at(2, 639), at(2, 650), 1800),
        ("it was over within ten minutes before", at(2, 580), at(2, 591), 1800),
        ("it is not over", at(2, 600), None, 1800 + 240),
    ],
)
async def test_ten_minutes_on_either_side_are_near(
    case: str, began: datetime, recovered: datetime | None, bad: float | None
) -> None:
    report = await with_incidents(incident("INC-1", began, recovered))
    record = incident_records(report.incidents, report.objectives)
    assert record is not None
    costs = {one["objective"]: one["bad"] for one in record["incidents"][0]["costs"]}
    assert costs.get("mcp-availability") == bad, case


async def test_those_of_the_period_are_read_the_oldest_first() -> None:
    hour = timedelta(hours=1)
    store = StandIn(
        stored("after", END + hour, None),
        stored("open", END - hour, None),
        stored("closed-by-hand", START + hour, None, START + 2 * hour),
        stored("reaches-in", START - hour, START + hour),
        stored("before", START - 2 * hour, START - hour, END),
    )
    found = await read_incidents(store, START, END, URL)
    assert [one.number for one in found.incidents] == ["reaches-in", "closed-by-hand", "open"]
    assert found.incidents[0].url == f"{URL}/incidents/reaches-in"
    assert (await read_incidents(store, START, END, "")).incidents[0].url == ""


async def test_the_section_links_each_incident_and_what_it_cost() -> None:
    report = await with_incidents(*INCIDENTS.incidents)
    for language in LANGUAGES:
        (section,) = incident_section(report, Formats(Speaker(language), "UTC"))
        (table,) = section.blocks
        rows = table.rows  # type: ignore[union-attr]
        assert rows[0][0][0].href == f"{URL}/incidents/INC-2026-0007"
        assert rows[0][-1][0].href == "#mcp-availability"
    assert [text_of(cell) for cell in rows[0][1:4]] == ["2026-11-12 10:01:00", "10:31:00", "30 分"]
    assert text_of(rows[0][4]) == "5 分后由 bob 确认"
    assert "30 min" in in_words(report) and "still going on" in in_words(report)


async def test_none_is_said_and_what_is_not_known_is_not_called_none() -> None:
    none, away = (
        await with_incidents(),
        replace(await make_report(), incidents=await read_incidents(Away(), START, END, URL)),
    )
    assert "There was no incident" in in_words(none) and "no incident is behind: 4" in in_words(none)
    assert "not known: PostgreSQL does not answer" in in_words(away) and "no incident" not in in_words(away)
    assert (none.is_complete, away.is_complete) == (True, False)
    record = incident_records(away.incidents, away.objectives)
    assert record == {"problem": "PostgreSQL does not answer", "losses_without_incident": None, "incidents": []}
    assert incident_section(await make_report(), Formats(Speaker("en"), "UTC")) == []
