"""Alerts as a report takes them."""

from datetime import UTC, datetime, timedelta

from controlplane.domain.alert import Alert
from controlplane.domain.slo.response import response
from controlplane.services.slo.report.alert_facts import alert_fact

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_first_acknowledgement_counts_also_when_it_is_over() -> None:
    taken = Alert("f", "X", "firing", "critical", "P0", NOW, None, NOW, acknowledged_at=NOW + timedelta(minutes=4))
    nobodys = Alert("g", "X", "firing", "critical", "P0", NOW, None, NOW)
    facts = [alert_fact(taken), alert_fact(nobodys)]
    figures = response(facts, NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert (figures.alerts, figures.acknowledged, figures.mean_seconds_to_acknowledge) == (2, 1, 240)


def test_an_incident_is_linked_to_where_people_reach_the_control_plane() -> None:
    alert = Alert("f", "X", "firing", "critical", "P0", NOW, None, NOW, incident="INC-20260101-001")
    linked, bare = alert_fact(alert, "https://control.example"), alert_fact(alert)
    assert linked.incident_url == "https://control.example/incidents/INC-20260101-001"
    assert (bare.incident, bare.incident_url) == ("INC-20260101-001", "")
