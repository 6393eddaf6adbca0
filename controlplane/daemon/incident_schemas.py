"""JSON schemas of incidents, for the API description."""

from collections.abc import Mapping
from typing import Any

from controlplane.daemon.routing import NULLABLE_TIME, TEXT, TIME, Schema, list_of
from controlplane.domain.incident import NOTE_KINDS

_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_PRIORITY: Schema = {"type": "string", "enum": ["P0", "P1", "P2", "P3"]}
_KIND: Schema = {"type": "string", "enum": list(NOTE_KINDS)}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required)}


_INCIDENT: Mapping[str, Schema] = {
    "number": TEXT,
    "state": {"type": "string", "enum": ["open", "closed"]},
    "title": TEXT,
    "title_zh": TEXT,
    "priority": _PRIORITY,
    "profile": TEXT,
    "service": TEXT,
    "began_at": TIME,
    "opened_at": TIME,
    "opened_by": TEXT,
    "firing": {"type": "boolean"},
    "alert_count": {"type": "integer"},
    "acknowledged_at": NULLABLE_TIME,
    "acknowledged_by": _TEXT_OR_NULL,
    "recovered_at": NULLABLE_TIME,
    "closed_at": NULLABLE_TIME,
    "closed_by": _TEXT_OR_NULL,
    "close_reason": TEXT,
    "seconds_to_acknowledge": _NUMBER_OR_NULL,
    "seconds_to_recover": _NUMBER_OR_NULL,
}
_ALERT: Schema = _object(
    {
        "fingerprint": TEXT,
        "starts_at": TIME,
        "name": TEXT,
        "priority": _PRIORITY,
        "severity": TEXT,
        "summary": TEXT,
        "summary_zh": TEXT,
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "state": {"type": "string", "enum": ["firing", "resolved"]},
        "ends_at": NULLABLE_TIME,
        "joined_at": TIME,
        "acknowledged_at": NULLABLE_TIME,
        "acknowledged_by": _TEXT_OR_NULL,
    }
)
_ENTRY: Schema = _object(
    {
        "at": TIME,
        "kind": TEXT,
        "subject": TEXT,
        "actor": TEXT,
        "detail": TEXT,
        "outcome": TEXT,
        "until": NULLABLE_TIME,
    }
)

INCIDENT_SCHEMAS: Mapping[str, Schema] = {
    "Incident": _object(_INCIDENT),
    "IncidentFile": _object(
        {
            **_INCIDENT,
            "alerts": list_of(_ALERT),
            "notes": list_of(_object({"kind": _KIND, "author": TEXT, "text": TEXT, "at": TIME})),
            "timeline": list_of(_ENTRY),
            "problems": list_of(TEXT),
        }
    ),
    "IncidentOpenRequest": _object(
        {"title": TEXT, "author": TEXT}, {"priority": _PRIORITY, "service": TEXT, "began_at": TIME}
    ),
    "IncidentNoteRequest": _object({"author": TEXT, "text": TEXT}, {"kind": _KIND, "key": TEXT}),
    "IncidentCloseRequest": _object({"author": TEXT}, {"reason": TEXT, "anyway": {"type": "boolean"}}),
    "IncidentReopenRequest": _object({"author": TEXT}, {"reason": TEXT}),
}
