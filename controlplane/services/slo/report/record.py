"""A report as the stable record that ``cmctl slo report -o json`` and the API give."""

from typing import Any

from controlplane.domain.slo.promql import prometheus_duration, slot_expressions
from controlplane.domain.slo.report import Loss, ObjectiveReport, ProblemGroup, Report, moment
from controlplane.domain.slo.report_period import ReportPeriod
from controlplane.domain.slo.response import AlertFact, Response
from controlplane.domain.slo.timeline import Minute, Point
from controlplane.services.slo.present import figures_record
from controlplane.services.slo.report.anomalies import anomaly_record
from controlplane.services.slo.report.incidents import incident_records
from controlplane.services.slo.report.outlook import outlook_record
from controlplane.services.slo.report.recovery import recovery_record

Record = dict[str, Any]


def report_record(report: Report) -> Record:
    """One mapping; ratios are 0..1, times are seconds or datetimes, None is unknown."""
    return {
        "profile": report.profile,
        "verdict": report.verdict,
        "generated_at": report.generated_at,
        "version": report.version,
        "source": report.source_url,
        "complete": report.is_complete,
        "period": None if report.period is None else _period(report.period),
        "start": report.start,
        "end": report.end,
        "maintenance_problem": report.maintenance_problem,
        "objectives": [_objective(one) for one in report.objectives],
        "alerts": {
            "problem": report.history.problem,
            "warnings": list(report.history.warnings),
            **_response(report.response),
        },
        "incidents": incident_records(report.incidents, report.objectives),
        "recovery": recovery_record(report.recovery),
        "outlook": outlook_record(report.outlook),
        "anomalies": anomaly_record(report.anomalies),
    }


def _period(period: ReportPeriod) -> Record:
    return {
        "kind": period.kind,
        "name": period.name,
        "time_zone": period.time_zone,
        "start": period.period.start,
        "end": period.period.end,
        "full_end": period.period.full_end,
    }


def _objective(report: ObjectiveReport) -> Record:
    expressions = slot_expressions(report.objective)
    step = prometheus_duration(report.objective.sampling.step_seconds)
    return {
        **figures_record(report.objective, report.figures, report.exclusions),
        "title_zh": report.objective.title_zh,
        "burn_rate": report.burn_rate,
        "unknown_decides": report.unknown_decides,
        "period": _period(report.period),
        "sli_with_exclusions": report.sli_with_exclusions,
        "before": None if report.before is None else figures_record(report.objective, report.before, ()),
        "losses": [_loss(one) for one in report.losses],
        "loss_count": report.loss_count,
        "bad_outside_losses": report.spread_thin,
        "unknown_stretches": [{"start": one.start, "end": one.end, "seconds": one.seconds} for one in report.unknown],
        "unknown_count": report.unknown_count,
        "worst_minutes": [_minute(one) for one in report.worst_minutes],
        "response": _response(report.response),
        "freshness": None
        if report.freshness is None
        else {
            "newest": report.freshness.newest,
            "age_seconds": report.freshness.age_seconds,
            "max_age_seconds": report.freshness.max_age_seconds,
        },
        "course": [_point(one) for one in report.course],
        "bad_query": expressions.bad(step),
        "total_query": expressions.total(step),
        "step_seconds": report.objective.sampling.step_seconds,
        "problems": [_problem(one) for one in report.problems],
        "queries_without_data": list(report.silent),
        "rolled_up_days": [day.isoformat() for day in report.rolled_up],
        "outdated_days": [day.isoformat() for day in report.outdated],
    }


def _loss(loss: Loss) -> Record:
    return {
        "start": loss.start,
        "end": loss.end,
        "bad": loss.bad,
        "budget_share": loss.budget_share,
        "alerts": [_alert(one) for one in loss.alerts],
        "more_alerts": loss.more_alerts,
    }


def _alert(alert: AlertFact) -> Record:
    return {
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "severity": alert.severity,
        "priority": alert.priority,
        "service": alert.service,
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "summary": alert.summary,
        "summary_zh": alert.summary_zh,
        "url": alert.url,
        "runbook_url": alert.runbook_url,
        "incident": alert.incident or None,
    }


def _response(response: Response | None) -> Record:
    return {
        "count": None if response is None else response.alerts,
        "acknowledged": None if response is None else response.acknowledged,
        "resolved": None if response is None else response.resolved,
        "mean_seconds_to_acknowledge": None if response is None else response.mean_seconds_to_acknowledge,
        "mean_seconds_to_resolve": None if response is None else response.mean_seconds_to_resolve,
    }


def _minute(minute: Minute) -> Record:
    return {"start": moment(minute.start), "bad": minute.bad, "total": minute.total}


def _point(point: Point) -> Record:
    return {
        "start": moment(point.start),
        "end": moment(point.end),
        "sli": point.sli,
        "good": point.good,
        "bad": point.bad,
        "known_seconds": point.known_seconds,
        "unknown_seconds": point.unknown_seconds,
        "excluded_seconds": point.excluded_seconds,
    }


def _problem(group: ProblemGroup) -> Record:
    return {
        "kind": group.kind,
        "detail": group.detail,
        "queries": list(group.expressions),
        "start": group.start,
        "end": group.end,
    }
