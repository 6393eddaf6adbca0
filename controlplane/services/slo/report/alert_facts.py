"""The alerts of a report, from whatever source of alerts answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from controlplane.domain.alert import Alert, AlertFilter
from controlplane.domain.slo.report import AlertHistory
from controlplane.domain.slo.response import AlertFact
from controlplane.errors import CmctlError
from controlplane.services.alerts import read_alerts
from controlplane.services.ports import AlertSource

# The last notification of an alert may be older than its end is known.
_SLACK = timedelta(days=1)
MAX_ALERTS = 10_000


class SourcedAlerts:
    """Implements AlertReader with sources of alerts, the best one first."""

    def __init__(self, sources: Sequence[AlertSource], public_url: str = "") -> None:
        """``public_url`` is the control plane as people reach it, for links to incidents; empty for none."""
        self._sources = sources
        self._public_url = public_url

    async def between(self, start: datetime, end: datetime) -> AlertHistory:
        """Alerts that fired at any time from ``start`` to ``end``; those that still fire whenever they began."""
        try:
            late = await read_alerts(self._sources, AlertFilter(since=start - _SLACK, limit=MAX_ALERTS))
            firing = await read_alerts(self._sources, AlertFilter(state="firing", limit=MAX_ALERTS))
        except CmctlError as error:
            return AlertHistory((), error.message)
        found = {(alert.fingerprint, alert.starts_at): alert for alert in (*late.alerts, *firing.alerts)}
        facts = [alert_fact(alert, self._public_url) for alert in found.values()]
        inside = sorted(
            (fact for fact in facts if fact.overlaps(start, end)), key=lambda one: (one.starts_at, one.fingerprint)
        )
        warnings = list(dict.fromkeys((*late.warnings, *firing.warnings)))
        if len(late.alerts) >= MAX_ALERTS:
            warnings.append(f"only {MAX_ALERTS} alerts were read")
        return AlertHistory(tuple(inside), None, tuple(warnings))


def alert_fact(alert: Alert, public_url: str = "") -> AlertFact:
    """What a report says about an alert. Labels and annotations are anybody's: only web addresses become links."""
    labels, annotations = alert.labels, alert.annotations
    return AlertFact(
        fingerprint=alert.fingerprint,
        name=alert.name,
        severity=alert.severity,
        priority=alert.priority,
        service=labels.get("service") or labels.get("sloth_service", ""),
        slo=labels.get("sloth_slo", ""),
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=alert.acknowledged_by,
        summary=_line(annotations, "summary"),
        summary_zh=_line(annotations, "summary_zh"),
        url=web_address(alert.generator_url),
        runbook_url=web_address(annotations.get("runbook_url", "")),
        incident=alert.incident or "",
        incident_url=f"{public_url}/incidents/{alert.incident}" if alert.incident and public_url else "",
    )


def _line(annotations: Mapping[str, str], name: str) -> str:
    text = " ".join(annotations.get(name, "").split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def web_address(text: str) -> str:
    """The text if it is an http or https address, else nothing."""
    return text if text.lower().startswith(("http://", "https://")) and text.isprintable() else ""
