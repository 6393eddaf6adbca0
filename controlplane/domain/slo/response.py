"""How fast people answered: mean times to acknowledge and to resolve, from the history of alerts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.slo.objective import Objective


@dataclass(frozen=True)
class AlertFact:
    """What a report says about one alert. ``url``, ``runbook_url`` and ``incident_url`` are http or https, or empty."""

    fingerprint: str
    name: str
    severity: str
    priority: str
    service: str
    slo: str
    starts_at: datetime
    ends_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    summary: str
    summary_zh: str
    url: str
    runbook_url: str
    incident: str = ""
    incident_url: str = ""

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether it fired at any time within (start, end)."""
        return self.starts_at < end and (self.ends_at is None or self.ends_at > start)


@dataclass(frozen=True)
class Response:
    """Alerts that began in a period. Means are in seconds, over those acknowledged or resolved; None when none was."""

    alerts: int
    acknowledged: int
    resolved: int
    mean_seconds_to_acknowledge: float | None
    mean_seconds_to_resolve: float | None


def response(alerts: Iterable[AlertFact], start: datetime, end: datetime) -> Response:
    """MTTA and MTTR of the alerts that began in (start, end]. Those that still fire count in ``alerts`` only."""
    begun = [alert for alert in alerts if start < alert.starts_at <= end]
    to_acknowledge = [alert.acknowledged_at - alert.starts_at for alert in begun if alert.acknowledged_at is not None]
    to_resolve = [alert.ends_at - alert.starts_at for alert in begun if alert.ends_at is not None]
    return Response(len(begun), len(to_acknowledge), len(to_resolve), _mean(to_acknowledge), _mean(to_resolve))


def _mean(spans: Sequence[timedelta]) -> float | None:
    return sum(span.total_seconds() for span in spans) / len(spans) if spans else None


def concerns(alert: AlertFact, objective: Objective) -> bool:
    """Whether an alert is about an objective: generated for it, or of the same service."""
    return alert.slo == objective.name or (not alert.slo and alert.service == objective.service)


def behind(
    alerts: Sequence[AlertFact], objective: Objective, start: datetime, end: datetime, slack: timedelta
) -> tuple[AlertFact, ...]:
    """Alerts that fired during a loss or within ``slack`` of it: first those that concern the objective, then by start.

    Alerts come after what they tell of, and burn-rate alerts a good while after.
    """
    found = [alert for alert in alerts if alert.overlaps(start - slack, end + slack)]
    return tuple(sorted(found, key=lambda one: (not concerns(one, objective), one.starts_at, one.fingerprint)))
