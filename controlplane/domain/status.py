"""The state of everything at one moment, as ``cmctl status`` shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.alert import Alert
from controlplane.domain.backup.limits import DrillStatus
from controlplane.domain.backup.overview import Freshness, SetView, freshness
from controlplane.domain.check import CheckResult, CheckState, worst
from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.domain.slo_status import ObjectiveStatus

# What the daemon may write cannot be judged by another user's process: its own word counts.
DAEMON_DECIDES = frozenset({"writable"})
RESOURCE_KINDS = frozenset({"disk", "memory", "cpu", "response_time", "database_size"})
_STATE_OF_SEVERITY = {"critical": CheckState.CRITICAL, "info": CheckState.OK, "none": CheckState.OK}


@dataclass(frozen=True)
class StatusComponent:
    """One component; ``age_seconds`` counts since the service manager was asked."""

    name: str
    state: ComponentState
    pid: int | None
    since: datetime | None
    detail: str
    url: str | None


@dataclass(frozen=True)
class StatusCheck:
    """One check. ``daemon_state`` is what the daemon last settled on, None when it did not say."""

    name: str
    kind: str
    state: CheckState
    message: str
    value: float | None
    unit: str
    warning: float | None
    critical: float | None
    duration_seconds: float
    checked_at: datetime
    age_seconds: float
    daemon_state: CheckState | None
    daemon_state_since: datetime | None


@dataclass(frozen=True)
class StatusAlert:
    """One firing alert; ``source`` is who told: controlplane or alertmanager."""

    fingerprint: str
    name: str
    severity: str
    priority: str
    starts_at: datetime
    summary: str
    labels: Mapping[str, str]
    acknowledged_by: str | None
    source: Literal["controlplane", "alertmanager"]


@dataclass(frozen=True)
class StatusIncident:
    """One open incident."""

    number: str
    title: str
    priority: str
    service: str
    began_at: datetime
    firing: bool
    acknowledged_by: str | None


@dataclass(frozen=True)
class Resource:
    """A measured value against its thresholds."""

    name: str
    state: CheckState
    value: float
    unit: str
    warning: float | None
    critical: float | None


@dataclass(frozen=True)
class LastBackup:
    """The newest complete recovery set. ``state`` says whether it is young enough; ``id`` is None without one."""

    state: Freshness = "none"
    message: str = "none yet; make one with: cmctl backup create"
    created_at: datetime | None = None
    id: str | None = None
    drill: DrillStatus = field(default_factory=DrillStatus)


@dataclass(frozen=True)
class DaemonAnswer:
    """What the daemon said, or why it said nothing."""

    is_reachable: bool
    problem: str = ""
    checks: Sequence[CheckResult] = ()
    alerts: Sequence[Alert] = ()
    objectives: Sequence[ObjectiveStatus] = ()
    incidents: Sequence[StatusIncident] = ()
    role: str | None = None
    role_detail: str = ""

    @property
    def newest_check_at(self) -> datetime | None:
        """When its latest check ran."""
        return max((result.checked_at for result in self.checks), default=None)


@dataclass(frozen=True)
class AlertmanagerAnswer:
    """What Alertmanager said, or why it said nothing."""

    is_reachable: bool
    problem: str = ""
    alerts: Sequence[Alert] = ()


@dataclass(frozen=True)
class DaemonStatus:
    """Whether the daemon can be believed. ``age_seconds`` is that of its newest check.

    ``role`` is active, standby or unsure, None when the daemon does not answer; a standby checks nothing.
    """

    is_reachable: bool
    is_stale: bool
    age_seconds: float | None
    problem: str
    role: str | None = None
    role_detail: str = ""


@dataclass(frozen=True)
class StatusForecast:
    """When a resource is full, as the daemon forecast it; the bounds are None beyond the horizon."""

    resource: str
    title: str
    labels: Mapping[str, str]
    level: float
    limit: float
    unit: str
    early_at: datetime | None
    expected_at: datetime | None
    late_at: datetime | None


@dataclass(frozen=True)
class StatusReport:
    """Everything, with one overall state. ``source`` says who was asked for what is shown."""

    state: CheckState
    summary: str
    generated_at: datetime
    source: Literal["direct", "direct+daemon"]
    daemon: DaemonStatus
    components: Sequence[StatusComponent]
    checks: Sequence[StatusCheck]
    alerts: Sequence[StatusAlert]
    alerts_known: bool
    resources: Sequence[Resource]
    backup: LastBackup
    objectives: Sequence[ObjectiveStatus]
    hints: Sequence[str] = field(default_factory=tuple)
    forecasts: Sequence[StatusForecast] = ()
    incidents: Sequence[StatusIncident] = ()


@dataclass(frozen=True)
class Seen:
    """Everything that was gathered. ``components`` is None when the service manager did not answer."""

    at: datetime
    checks: Sequence[CheckResult]
    components: Sequence[ComponentStatus] | None
    daemon: DaemonAnswer
    alertmanager: AlertmanagerAnswer
    urls: Mapping[str, str]
    stale_after_seconds: float
    backup: LastBackup = LastBackup()


def last_backup(newest: SetView | None, now: datetime, max_age: timedelta) -> LastBackup:
    """What the status says of the newest complete set."""
    state = freshness(newest, now, max_age)
    if newest is None or newest.finished_at is None:
        return LastBackup()
    hours = (now - newest.finished_at).total_seconds() / 3600
    age = f"{hours:.0f} h ago" if hours >= 1 else f"{hours * 60:.0f} min ago"
    late = f", older than {max_age.total_seconds() / 3600:g} h" if state == "stale" else ""
    size = f"{newest.size_bytes / 1_000_000:.0f} MB"
    return LastBackup(state, f"{age}{late}: {newest.id}, {newest.kind}, {size}", newest.created_at, newest.id)


def compose(seen: Seen) -> StatusReport:
    """Put a report together; what is not known is never reported as well."""
    daemon = _daemon_status(seen)
    checks = [_check(result, seen, daemon) for result in seen.checks]
    components = [_component(status, seen.urls) for status in seen.components or ()]
    alerts = _alerts(seen)
    alerts_known = seen.daemon.is_reachable or seen.alertmanager.is_reachable
    states = [check.state for check in checks] + [alert_state(alert.severity) for alert in alerts]
    states += [component_state(component.state) for component in components]
    if seen.components is None or not alerts_known:
        states.append(CheckState.UNKNOWN)
    if daemon.is_stale or daemon.role == "standby":
        states.append(CheckState.WARNING)
    if seen.backup.state == "stale" or seen.backup.drill.state in ("failed", "overdue"):
        states.append(CheckState.WARNING)
    state = worst(states)
    return StatusReport(
        state=state,
        summary=_summary(components, checks, alerts),
        generated_at=seen.at,
        source="direct+daemon" if seen.daemon.is_reachable else "direct",
        daemon=daemon,
        components=components,
        checks=checks,
        alerts=alerts,
        alerts_known=alerts_known,
        resources=_resources(checks),
        backup=seen.backup,
        objectives=list(seen.daemon.objectives),
        hints=_hints(components, state, daemon),
        incidents=list(seen.daemon.incidents),
    )


def component_state(state: ComponentState) -> CheckState:
    """How well a component in a state is."""
    if state == ComponentState.RUNNING:
        return CheckState.OK
    if state == ComponentState.UNKNOWN:
        return CheckState.UNKNOWN
    return CheckState.WARNING if state.is_alive else CheckState.CRITICAL


def alert_state(severity: str) -> CheckState:
    """What a firing alert of a severity means for the whole; an unknown severity is not harmless."""
    return _STATE_OF_SEVERITY.get(severity.lower(), CheckState.WARNING)


def _daemon_status(seen: Seen) -> DaemonStatus:
    newest = seen.daemon.newest_check_at
    age = None if newest is None else max(0.0, (seen.at - newest).total_seconds())
    is_stale = age is not None and age > seen.stale_after_seconds and seen.daemon.role != "standby"
    problem = seen.daemon.problem
    if is_stale:
        problem = f"its newest check is {age:.0f} s old"
    rounded = None if age is None else round(age, 1)
    return DaemonStatus(seen.daemon.is_reachable, is_stale, rounded, problem, seen.daemon.role, seen.daemon.role_detail)


def _check(direct: CheckResult, seen: Seen, daemon: DaemonStatus) -> StatusCheck:
    told = next((result for result in seen.daemon.checks if result.name == direct.name), None)
    is_believed = not daemon.is_stale and daemon.role != "standby"
    shown = told if told and direct.kind in DAEMON_DECIDES and is_believed else direct
    return StatusCheck(
        name=shown.name,
        kind=shown.kind,
        state=shown.state,
        message=shown.message,
        value=shown.value,
        unit=shown.unit,
        warning=shown.warning,
        critical=shown.critical,
        duration_seconds=round(shown.duration_seconds, 6),
        checked_at=shown.checked_at,
        age_seconds=round(max(0.0, (seen.at - shown.checked_at).total_seconds()), 1),
        daemon_state=told.state if told else None,
        daemon_state_since=told.state_since if told else None,
    )


def _component(status: ComponentStatus, urls: Mapping[str, str]) -> StatusComponent:
    url = urls.get(status.component)
    return StatusComponent(status.component, status.state, status.pid, status.since, status.detail, url)


def _alerts(seen: Seen) -> list[StatusAlert]:
    """The daemon's alerts, and those that Alertmanager has and the daemon has not heard of."""
    told = {alert.fingerprint for alert in seen.daemon.alerts}
    unheard = [alert for alert in seen.alertmanager.alerts if alert.fingerprint not in told]
    alerts = [_alert(alert, "controlplane") for alert in seen.daemon.alerts]
    alerts += [_alert(alert, "alertmanager") for alert in unheard]
    return sorted(alerts, key=lambda alert: (alert.priority, alert.starts_at))


def _alert(alert: Alert, source: Literal["controlplane", "alertmanager"]) -> StatusAlert:
    return StatusAlert(
        fingerprint=alert.fingerprint,
        name=alert.name,
        severity=alert.severity,
        priority=alert.priority,
        starts_at=alert.starts_at,
        summary=alert.annotations.get("summary", ""),
        labels=alert.labels,
        acknowledged_by=alert.acknowledged_by,
        source=source,
    )


def _resources(checks: Sequence[StatusCheck]) -> list[Resource]:
    return [
        Resource(check.name, check.state, check.value, check.unit, check.warning, check.critical)
        for check in checks
        if check.kind in RESOURCE_KINDS and check.value is not None
    ]


def _summary(
    components: Sequence[StatusComponent], checks: Sequence[StatusCheck], alerts: Sequence[StatusAlert]
) -> str:
    if components and all(component.state == ComponentState.STOPPED for component in components):
        return "the stack is stopped"
    running = sum(component.state == ComponentState.RUNNING for component in components)
    good = sum(check.state == CheckState.OK for check in checks)
    return (
        f"{running} of {len(components)} components run, {good} of {len(checks)} checks OK, {len(alerts)} alerts firing"
    )


def _hints(components: Sequence[StatusComponent], state: CheckState, daemon: DaemonStatus) -> tuple[str, ...]:
    down = [c.name for c in components if component_state(c.state) == CheckState.CRITICAL]
    if down and len(down) == len(components):
        return ("start it with: cmctl up",)
    hints = [f"start what is down with: cmctl up {' '.join(down)}"] if down else []
    if state in (CheckState.CRITICAL, CheckState.WARNING):
        hints.append("find the cause with: cmctl diagnose")
    if daemon.is_stale:
        hints.append("the daemon answers but no longer checks: see cmctl logs show controlplane")
    return tuple(hints)
