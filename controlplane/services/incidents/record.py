"""Incidents as the API and ``-o json`` give them: one flat mapping each."""

from controlplane.domain.incident import Incident
from controlplane.services.incidents.desk import IncidentFile


def incident_record(one: Incident) -> dict[str, object]:
    """One incident, with its times to acknowledge and to recover in seconds; None while it has none."""
    return {
        "number": one.number,
        "state": one.state,
        "title": one.title,
        "title_zh": one.title_zh,
        "priority": one.priority,
        "profile": one.profile,
        "service": one.service,
        "began_at": one.began_at,
        "opened_at": one.opened_at,
        "opened_by": one.opened_by,
        "firing": one.firing,
        "alert_count": one.alert_count,
        "acknowledged_at": one.acknowledged_at,
        "acknowledged_by": one.acknowledged_by,
        "recovered_at": one.recovered_at,
        "closed_at": one.closed_at,
        "closed_by": one.closed_by,
        "close_reason": one.close_reason,
        "seconds_to_acknowledge": one.seconds_to_acknowledge,
        "seconds_to_recover": one.seconds_to_recover,
    }


def file_record(shown: IncidentFile) -> dict[str, object]:
    """One incident with everything about it."""
    return {
        **incident_record(shown.incident),
        "alerts": list(shown.alerts),
        "notes": list(shown.notes),
        "timeline": list(shown.timeline),
        "problems": list(shown.problems),
    }
