"""JSON schemas of what the API takes and gives, for the API description."""

from collections.abc import Mapping
from typing import Any

from controlplane.daemon.anomaly_schemas import ANOMALY_SCHEMAS
from controlplane.daemon.incident_schemas import INCIDENT_SCHEMAS
from controlplane.daemon.routing import NULLABLE_TIME, TEXT, TIME, Schema, list_of, ref

_STRINGS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_CHECK_STATE: Schema = {"type": "string", "enum": ["OK", "WARNING", "CRITICAL", "UNKNOWN"]}
_ALERT_STATE: Schema = {"type": "string", "enum": ["firing", "resolved"]}
_VERDICT: Schema = {"type": "string", "enum": ["met", "at_risk", "missed", "not_enough_data"]}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required)}


_ALERT = {
    "fingerprint": TEXT,
    "name": TEXT,
    "state": _ALERT_STATE,
    "severity": TEXT,
    "priority": {"type": "string", "enum": ["P0", "P1", "P2", "P3"]},
    "starts_at": TIME,
    "ends_at": NULLABLE_TIME,
    "received_at": TIME,
    "labels": _STRINGS,
    "annotations": _STRINGS,
    "generator_url": TEXT,
    "receiver": TEXT,
    "group_key": TEXT,
    "acknowledged_by": {"type": ["string", "null"]},
    "acknowledged_until": NULLABLE_TIME,
    "acknowledged_at": NULLABLE_TIME,
    "incident": {"type": ["string", "null"]},
    "flapping_since": NULLABLE_TIME,
    "flapping_fires": {"type": ["integer", "null"]},
    "end_reason": {"type": ["string", "null"], "enum": ["notified", "superseded", "stale", None]},
}

_MAINTENANCE = {
    "id": {"type": "integer"},
    "key": TEXT,
    "state": {"type": "string", "enum": ["planned", "active", "over", "withdrawn"]},
    "author": TEXT,
    "reason": TEXT,
    "services": list_of(TEXT),
    "matchers": list_of(TEXT),
    "objectives": list_of(TEXT),
    "starts_at": TIME,
    "ends_at": TIME,
    "recurrence": _TEXT_OR_NULL,
    "time_zone": TEXT,
    "entered_at": TIME,
    "entered_after_the_fact": {"type": "boolean"},
    "ended_at": NULLABLE_TIME,
    "ended_by": _TEXT_OR_NULL,
}

_SLO_LINE = {
    "name": TEXT,
    "service": TEXT,
    "title": TEXT,
    "verdict": {"type": "string", "enum": ["met", "at_risk", "missed", "not_enough_data"]},
    "sli": _NUMBER_OR_NULL,
    "objective": {"type": "number"},
    "coverage": {"type": "number"},
    "error_budget_remaining": _NUMBER_OR_NULL,
    "burn_rate": _NUMBER_OR_NULL,
    "trend": {"type": "string", "enum": ["rising", "steady", "falling", "unknown"]},
    "time_to_exhaustion_seconds": _NUMBER_OR_NULL,
    "evaluated_at": TIME,
}

SCHEMAS: Mapping[str, Schema] = {
    **ANOMALY_SCHEMAS,
    **INCIDENT_SCHEMAS,
    "Problem": _object({"error": TEXT}, {"field": TEXT, "hint": TEXT}),
    "Alert": _object(_ALERT),
    "AlertWithHistory": _object({**_ALERT, "history": list_of(ref("StateChange"))}),
    "KeptReport": _object(
        {
            "id": TEXT,
            "kind": {"type": "string", "enum": ["day", "week", "month"]},
            "starts_at": TIME,
            "ends_at": TIME,
            "verdict": _VERDICT,
            "complete": {"type": "boolean"},
            "generated_at": TIME,
            "revision": {"type": "integer"},
        }
    ),
    "SloReport": _object(
        {
            "profile": TEXT,
            "verdict": _VERDICT,
            "generated_at": TIME,
            "complete": {"type": "boolean"},
            "start": TIME,
            "end": TIME,
            "objectives": list_of({"type": "object"}),
            "alerts": {"type": "object"},
        },
        {"recovery": {"type": ["object", "null"]}},
    ),
    "StateChange": _object({"starts_at": TIME, "state": _ALERT_STATE, "at": TIME, "received_at": TIME}),
    "Check": _object(
        {
            "name": TEXT,
            "kind": TEXT,
            "state": _CHECK_STATE,
            "raw_state": _CHECK_STATE,
            "message": TEXT,
            "value": _NUMBER_OR_NULL,
            "unit": TEXT,
            "warning": _NUMBER_OR_NULL,
            "critical": _NUMBER_OR_NULL,
            "duration_seconds": {"type": "number"},
            "checked_at": TIME,
            "state_since": TIME,
        }
    ),
    "OnCall": _object({"schedule": TEXT, "person": TEXT, "until": TIME, "stands_in_for": {"type": ["string", "null"]}}),
    "OverrideRequest": _object(
        {"schedule": TEXT, "person": TEXT, "author": TEXT, "duration_seconds": {"type": "number"}},
        {"starts_at": NULLABLE_TIME},
    ),
    "Override": _object(
        {
            "id": {"type": "integer"},
            "schedule": TEXT,
            "person": TEXT,
            "author": TEXT,
            "starts_at": TIME,
            "ends_at": TIME,
            "entered_at": TIME,
        }
    ),
    "MissedStep": _object(
        {
            "fingerprint": TEXT,
            "name": TEXT,
            "priority": TEXT,
            "step": {"type": "integer"},
            "due_at": TIME,
            "made_at": NULLABLE_TIME,
        }
    ),
    "AckRequest": _object({"author": TEXT}, {"note": TEXT, "duration_seconds": {"type": "number"}}),
    "Remediation": _object(
        {
            "id": {"type": "integer"},
            "remedy": TEXT,
            "fingerprint": TEXT,
            "alert": TEXT,
            "incident": _TEXT_OR_NULL,
            "deed": TEXT,
            "outcome": {"type": "string", "enum": ["running", "succeeded", "failed", "interrupted", "would_run"]},
            "detail": TEXT,
            "started_at": TIME,
            "finished_at": NULLABLE_TIME,
        }
    ),
    "UnackRequest": _object({"author": TEXT}),
    "ResolveRequest": _object({"author": TEXT, "reason": TEXT}, {"anyway": {"type": "boolean"}}),
    "Delivery": _object(
        {
            "id": {"type": "integer"},
            "receiver": TEXT,
            "kind": {"type": "string", "enum": ["alert", "digest", "escalation", "canary", "report"]},
            "status": {"type": "string", "enum": ["pending", "sending", "delivered", "folded", "dead"]},
            "title": TEXT,
            "body": TEXT,
            "line": TEXT,
            "priority": {"type": "string", "enum": ["P0", "P1", "P2", "P3"]},
            "alert_count": {"type": "integer"},
            "fingerprints": list_of(TEXT),
            "heard_at": TIME,
            "created_at": TIME,
            "not_before": TIME,
            "attempts": {"type": "integer"},
            "started_at": NULLABLE_TIME,
            "finished_at": NULLABLE_TIME,
            "receipt": TEXT,
            "last_error": TEXT,
            "is_possible_repeat": {"type": "boolean"},
            "folded_into": {"type": ["integer", "null"]},
        }
    ),
    "JobRun": _object(
        {
            "id": {"type": "integer"},
            "task": TEXT,
            "scheduled_for": TIME,
            "started_at": NULLABLE_TIME,
            "finished_at": NULLABLE_TIME,
            "outcome": {"type": "string", "enum": ["running", "succeeded", "failed", "missed", "interrupted"]},
            "detail": TEXT,
            "trigger": {"type": "string", "enum": ["schedule", "catch_up", "manual"]},
        }
    ),
    "Task": _object(
        {
            "task": TEXT,
            "description": TEXT,
            "schedule": TEXT,
            "next_due_at": NULLABLE_TIME,
            "running": {"type": "boolean"},
            "last_run": {"oneOf": [ref("JobRun"), {"type": "null"}]},
        }
    ),
    "SloLine": _object(_SLO_LINE),
    "Slo": _object(
        {
            **_SLO_LINE,
            "unit": {"type": "string", "enum": ["seconds", "events"]},
            "good": {"type": "number"},
            "bad": {"type": "number"},
            "unknown": {"type": "number"},
            "excluded": {"type": "number"},
            "burn_rates": list_of(_object({"window_seconds": {"type": "number"}, "burn_rate": _NUMBER_OR_NULL})),
            "problems": list_of(TEXT),
            "exclusions": list_of(
                _object(
                    {
                        "maintenance_id": {"type": "integer"},
                        "author": TEXT,
                        "reason": TEXT,
                        "starts_at": TIME,
                        "ends_at": TIME,
                        "planned": {"type": "boolean"},
                    }
                )
            ),
        }
    ),
    "Maintenance": _object(_MAINTENANCE),
    "MaintenanceWithSilence": _object({**_MAINTENANCE, "silence_problem": _TEXT_OR_NULL}),
    "MaintenanceRequest": _object(
        {"key": TEXT, "author": TEXT, "reason": TEXT},
        {
            "services": list_of(TEXT),
            "matchers": list_of(TEXT),
            "everything": {"type": "boolean"},
            "starts_at": NULLABLE_TIME,
            "ends_at": NULLABLE_TIME,
            "duration_seconds": _NUMBER_OR_NULL,
            "recurrence": _TEXT_OR_NULL,
            "time_zone": TEXT,
            "work": _TEXT_OR_NULL,
        },
    ),
    "MaintenanceEndRequest": _object(
        {"author": TEXT},
        {
            "withdraw": {"type": "boolean"},
            "outcome": {"type": "string", "enum": ["succeeded", "failed", "interrupted"]},
            "detail": TEXT,
        },
    ),
    "Action": _object(
        {
            "id": {"type": "integer"},
            "kind": TEXT,
            "actor": TEXT,
            "subject": TEXT,
            "detail": TEXT,
            "at": TIME,
            "until": NULLABLE_TIME,
            "outcome": {"type": "string", "enum": ["running", "succeeded", "failed", "interrupted"]},
            "key": _TEXT_OR_NULL,
        }
    ),
    "Backup": _object(
        {
            "id": TEXT,
            "path": TEXT,
            "complete": {"type": "boolean"},
            "kind": {"type": ["string", "null"], "enum": ["full", "incremental", None]},
            "parent_id": {"type": ["string", "null"]},
            "created_at": NULLABLE_TIME,
            "finished_at": NULLABLE_TIME,
            "size_bytes": {"type": "integer"},
            "parts": list_of(ref("BackupPart")),
            "made_by": {"oneOf": [_STRINGS, {"type": "null"}]},
            "problem": TEXT,
            "verified_at": NULLABLE_TIME,
            "verified": {"type": "string", "enum": ["never", "good", "bad"]},
        }
    ),
    "BackupPart": _object(
        {
            "name": {"type": "string", "enum": ["postgresql", "vectors", "configuration"]},
            "taken_at": TIME,
            "size_bytes": {"type": "integer"},
            "file_count": {"type": "integer"},
            "details": {"type": "object", "additionalProperties": {"type": ["string", "number", "null"]}},
        }
    ),
    "Component": _object({"status": {"type": "string", "enum": ["ok", "down"]}, "detail": TEXT}),
    "Health": _object(
        {
            "status": {"type": "string", "enum": ["ok", "degraded"]},
            "components": {"type": "object", "additionalProperties": ref("Component")},
            "role": ref("Role"),
            "version": TEXT,
            "uptime_seconds": {"type": "number"},
        }
    ),
    "Role": _object({"name": {"type": "string", "enum": ["active", "standby", "unsure"]}, "detail": TEXT}),
    "Ready": _object({"ready": {"type": "boolean"}, "detail": TEXT}),
    "Status": _object(
        {
            "state": _CHECK_STATE,
            "checks": list_of(ref("Check")),
            "alerts": list_of(ref("Alert")),
            "jobs": list_of(ref("Task")),
            "slos": list_of(ref("SloLine")),
            "incidents": list_of(ref("Incident")),
            "components": {"type": "object", "additionalProperties": ref("Component")},
            "role": ref("Role"),
            "version": TEXT,
            "started_at": TIME,
        }
    ),
    "WebhookMessage": _object(
        {"alerts": list_of(ref("WebhookAlert"))},
        {
            "version": TEXT,
            "groupKey": TEXT,
            "truncatedAlerts": {"type": "integer"},
            "status": TEXT,
            "receiver": TEXT,
            "groupLabels": _STRINGS,
            "commonLabels": _STRINGS,
            "commonAnnotations": _STRINGS,
            "externalURL": TEXT,
        },
    ),
    "WebhookAlert": _object(
        {},
        {
            "status": _ALERT_STATE,
            "labels": _STRINGS,
            "annotations": _STRINGS,
            "startsAt": TIME,
            "endsAt": TIME,
            "generatorURL": TEXT,
            "fingerprint": TEXT,
        },
    ),
    "Receipt": _object(
        {
            "accepted": {"type": "integer"},
            "set_aside": list_of(_object({"index": {"type": "integer"}, "field": TEXT, "problem": TEXT})),
        }
    ),
}
