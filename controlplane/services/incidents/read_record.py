"""An incident from the record that the API gives: the inverse of ``record.py``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.domain.incident import Incident, IncidentAlert, IncidentNote, TimelineEntry
from controlplane.errors import CmctlError
from controlplane.services.incidents.desk import IncidentFile

_LISTS = ("alerts", "notes", "timeline", "problems")
_COMPUTED = ("seconds_to_acknowledge", "seconds_to_recover")


def incident_of(record: Mapping[str, Any]) -> Incident:
    """Raises CmctlError for what is no incident."""
    kept = {name: value for name, value in record.items() if name not in (*_LISTS, *_COMPUTED)}
    try:
        return Incident(**_moments(kept), news_at=_moment(record["began_at"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CmctlError("the control plane's answer is not an incident") from error


def file_of(record: Mapping[str, Any]) -> IncidentFile:
    """Raises CmctlError for what is no incident with everything about it."""
    incident = incident_of(record)
    try:
        return IncidentFile(
            incident,
            [IncidentAlert(**_moments(one)) for one in record["alerts"]],
            [IncidentNote(**_moments(one)) for one in record["notes"]],
            [TimelineEntry(**_moments(one)) for one in record["timeline"]],
            list(record["problems"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CmctlError("the control plane's answer is not an incident") from error


def _moments(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _moment(value)
        if isinstance(value, str) and (name == "at" or name.endswith("_at") or name == "until")
        else value
        for name, value in values.items()
    }


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).astimezone(UTC)
