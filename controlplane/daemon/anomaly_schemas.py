"""JSON schemas of anomalies, for the API description."""

from collections.abc import Mapping

from controlplane.daemon.routing import NULLABLE_TIME, TEXT, TIME, Schema, list_of

_NUMBER: Schema = {"type": "number"}
_WHOLE: Schema = {"type": "integer"}
_NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
_NULLABLE_NUMBER: Schema = {"type": ["number", "null"]}
_STRINGS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


_WATCH = _object(
    name=TEXT,
    title=TEXT,
    title_zh=TEXT,
    unit=TEXT,
    service=TEXT,
    query=TEXT,
    interval_seconds=_NUMBER,
    state={"type": "string", "enum": ["ok", "no_data", "failing", "learning", "prometheus_gone"]},
    series=_WHOLE,
    problem=TEXT,
    notes=list_of(TEXT),
    scored_through=NULLABLE_TIME,
)

ANOMALY_SCHEMAS: Mapping[str, Schema] = {
    "Anomaly": _object(
        id=TEXT,
        watch=TEXT,
        title=TEXT,
        title_zh=TEXT,
        service=TEXT,
        unit=TEXT,
        query=TEXT,
        interval_seconds=_NULLABLE_NUMBER,
        kept_labels=list_of(TEXT),
        series=TEXT,
        series_id=TEXT,
        labels=_STRINGS,
        state={"type": "string", "enum": ["open", "ended"]},
        severity={"type": "string", "enum": ["info", "warning", "error"]},
        kind=TEXT,
        family=TEXT,
        started_at=TIME,
        ended_at=NULLABLE_TIME,
        end_reason=TEXT,
        duration_seconds=_NUMBER,
        samples=_WHOLE,
        evidence_nats=_NUMBER,
        expected=_NUMBER,
        band=_NUMBER,
        worst=_NUMBER,
        reason=TEXT,
        reason_zh=TEXT,
        feedback=_NULLABLE_TEXT,
        feedback_by=_NULLABLE_TEXT,
        feedback_note=TEXT,
        bar_nats=_NUMBER,
    ),
    "AnomalySeries": _object(
        id=TEXT,
        watch=TEXT,
        labels=_STRINGS,
        unit=TEXT,
        state={
            "type": "string",
            "enum": ["ok", "anomalous", "warming_up", "maintenance", "gone", "prometheus_gone"],
        },
        score=_NUMBER,
        value=_NUMBER,
        expected=_NUMBER,
        band=_NUMBER,
        samples_to_learn=_WHOLE,
        last_sample_at=NULLABLE_TIME,
        episode_id=_NULLABLE_TEXT,
        bars={"type": "object", "additionalProperties": _NUMBER},
    ),
    "AnomalyWatches": _object(
        prometheus_problem=TEXT,
        store_problem=TEXT,
        alertmanager_problem=TEXT,
        last_tick_at=NULLABLE_TIME,
        judged_real=_WHOLE,
        judged_fine=_WHOLE,
        precision=_NULLABLE_NUMBER,
        watches=list_of(_WATCH),
    ),
    "Forecast": _object(
        resource=TEXT,
        title=TEXT,
        title_zh=TEXT,
        service=TEXT,
        unit=TEXT,
        labels=_STRINGS,
        state={"type": "string", "enum": ["learning", "growing", "steady"]},
        level=_NULLABLE_NUMBER,
        limit=_NULLABLE_NUMBER,
        growth_per_day=_NULLABLE_NUMBER,
        season=_NULLABLE_TEXT,
        history_days=_NULLABLE_NUMBER,
        early_at=NULLABLE_TIME,
        expected_at=NULLABLE_TIME,
        late_at=NULLABLE_TIME,
        made_at=TIME,
    ),
    "AnomalyFeedback": {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": ["fine", "real"]},
            "by": {"type": "string", "minLength": 1, "maxLength": 100},
            "note": {"type": "string", "maxLength": 1000},
        },
        "required": ["verdict", "by"],
    },
}
