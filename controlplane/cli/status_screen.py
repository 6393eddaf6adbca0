"""The screen of ``cmctl status``: text for people, with colours where the terminal wants them."""

from collections.abc import Sequence
from datetime import datetime

from controlplane.cli.output import colour, display_width, format_table
from controlplane.domain.check import CheckState
from controlplane.domain.component import ComponentState
from controlplane.domain.status import Resource, StatusAlert, StatusCheck, StatusReport, alert_state, component_state

STATE_COLOURS = {
    CheckState.OK: "green",
    CheckState.WARNING: "yellow",
    CheckState.CRITICAL: "red",
    CheckState.UNKNOWN: "magenta",
}
BAR_WIDTH = 24
_ROOM_BEYOND_CRITICAL = 1.25
_MESSAGE_WIDTH = 100
_OBJECTIVES_SHOWN = 5
_VERDICT_STATES = {
    "met": CheckState.OK,
    "at_risk": CheckState.WARNING,
    "missed": CheckState.CRITICAL,
    "not_enough_data": CheckState.UNKNOWN,
}


def render(report: StatusReport, show_all: bool = False) -> str:
    """The whole screen; without ``show_all`` only the checks that are not OK have a line."""
    parts = [_headline(report), _components(report)]
    parts += [_checks(report, show_all), _alerts(report), _incidents(report), _resources(report.resources)]
    parts.append(_objectives(report))
    colour_of = CheckState.WARNING if report.backup.state == "stale" else CheckState.OK
    parts.append(f"LAST BACKUP  {paint(report.backup.message, colour_of)}")
    drill = report.backup.drill
    colour_of = CheckState.WARNING if drill.state in ("failed", "overdue") else CheckState.OK
    parts.append(f"LAST DRILL   {paint(drill.message, colour_of)}")
    parts.append(_forecasts(report))
    parts.append("\n".join(f"hint: {hint}" for hint in report.hints))
    return "\n\n".join(part for part in parts if part)


def _headline(report: StatusReport) -> str:
    told = _role_note(report) if report.daemon.is_reachable and not report.daemon.is_stale else _daemon_note(report)
    return (
        f"{paint(report.state.name, report.state)}  {report.summary}  ({report.generated_at:%Y-%m-%d %H:%M:%S} UTC)"
        + (f"\n{told}" if told else "")
    )


def _role_note(report: StatusReport) -> str:
    """Nothing for the usual: the one daemon is active."""
    return "" if report.daemon.role in (None, "active") else report.daemon.role_detail


def _daemon_note(report: StatusReport) -> str:
    if _is_stopped(report):
        return ""
    return f"the control plane daemon is not believed: {report.daemon.problem}; everything here was looked at directly"


def _is_stopped(report: StatusReport) -> bool:
    states = [component.state for component in report.components]
    return bool(states) and all(state == ComponentState.STOPPED for state in states)


def _components(report: StatusReport) -> str:
    if not report.components:
        return "COMPONENTS  the service manager does not answer"
    rows = [
        [
            component.name,
            paint(component.state.value, component_state(component.state)),
            str(component.pid or "-"),
            since(component.since, report.generated_at),
            component.detail or component.url or "",
        ]
        for component in report.components
    ]
    return format_table(["COMPONENT", "STATE", "PID", "SINCE", ""], rows)


def _checks(report: StatusReport, show_all: bool) -> str:
    shown = [check for check in report.checks if show_all or check.state != CheckState.OK]
    good = sum(check.state == CheckState.OK for check in report.checks)
    title = f"CHECKS  {good} of {len(report.checks)} OK"
    if _is_stopped(report) and not show_all:
        return f"{title}; with the stack stopped, only --all lists them"
    if not shown:
        return title
    rows = [
        [check.name, paint(check.state.name, check.state), f"{check.age_seconds:.0f} s", _told(check)]
        for check in shown
    ]
    return f"{title}\n{format_table(['CHECK', 'STATE', 'AGE', 'MESSAGE'], rows)}"


def _told(check: StatusCheck) -> str:
    message = shorten(check.message, _MESSAGE_WIDTH)
    if check.daemon_state is None or check.daemon_state == check.state:
        return message
    return f"{message} (daemon: {check.daemon_state.name})"


def _alerts(report: StatusReport) -> str:
    if not report.alerts_known:
        return f"ALERTS  {paint('not known', CheckState.UNKNOWN)}: neither the control plane nor Alertmanager answers"
    if not report.alerts:
        return "ALERTS  none firing"
    rows = [_alert_row(alert, report.generated_at) for alert in report.alerts]
    return f"ALERTS  {len(rows)} firing\n{format_table(['PRIORITY', 'ALERT', 'SINCE', 'SUMMARY'], rows)}"


def _alert_row(alert: StatusAlert, now: datetime) -> list[str]:
    notes = [alert.summary]
    if alert.acknowledged_by:
        notes.append(f"(acknowledged by {alert.acknowledged_by})")
    if alert.source == "alertmanager":
        notes.append("(the control plane has not been told)")
    text = shorten(" ".join(note for note in notes if note), _MESSAGE_WIDTH)
    return [alert.priority, paint(alert.name, alert_state(alert.severity)), since(alert.starts_at, now), text]


def _incidents(report: StatusReport) -> str:
    """A line for each open incident; without one there is nothing to say."""
    now = report.generated_at
    rows = [
        [
            one.number,
            one.priority,
            since(one.began_at, now),
            paint("firing", CheckState.CRITICAL) if one.firing else paint("no alert fires", CheckState.WARNING),
            one.acknowledged_by or "nobody",
            shorten(one.title, _MESSAGE_WIDTH),
        ]
        for one in report.incidents
    ]
    headers = ["INCIDENT", "PRIORITY", "SINCE", "STATE", "TAKEN ON BY", "TITLE"]
    return f"INCIDENTS  {len(rows)} open\n{format_table(headers, rows)}" if rows else ""


def _resources(resources: Sequence[Resource]) -> str:
    rows = [[item.name, bar(item), amount(item.value, item.unit), _limits(item)] for item in resources]
    return format_table(["RESOURCE", "", "USED", "WARNING / CRITICAL"], rows) if rows else ""


def _objectives(report: StatusReport) -> str:
    """The worst few; cmctl slo status has them all."""
    if not report.objectives:
        return ""
    met = sum(one.verdict == "met" for one in report.objectives)
    rows = [
        [
            one.name,
            paint(one.verdict.replace("_", " "), _VERDICT_STATES.get(one.verdict, CheckState.UNKNOWN)),
            _percent(one.sli, 3),
            _percent(one.coverage, 1),
            _percent(one.error_budget_remaining, 1),
            "-" if one.burn_rate is None else f"{one.burn_rate:.2f}",
            since(one.evaluated_at, report.generated_at),
        ]
        for one in report.objectives[:_OBJECTIVES_SHOWN]
    ]
    left = len(report.objectives) - len(rows)
    more = f"\n{left} more: cmctl slo status" if left else ""
    headers = ["OBJECTIVE", "VERDICT", "SLI", "COVERAGE", "BUDGET LEFT", "BURN RATE", "AGE"]
    return f"OBJECTIVES  {met} of {len(report.objectives)} met\n{format_table(headers, rows)}{more}"


def _percent(ratio: float | None, digits: int) -> str:
    return "-" if ratio is None else f"{ratio * 100:.{digits}f} %"


def bar(resource: Resource) -> str:
    """How far a value is on its way past its critical limit; percentages are drawn on 0 to 100."""
    top = 100.0 if resource.unit == "%" else (resource.critical or resource.value or 1.0) * _ROOM_BEYOND_CRITICAL
    filled = min(BAR_WIDTH, max(0, round(BAR_WIDTH * resource.value / top))) if top else 0
    return "[" + paint("#" * filled, resource.state) + "." * (BAR_WIDTH - filled) + "]"


def _forecasts(report: StatusReport) -> str:
    """What will be full, the nearest first; what is not within the horizon has no line."""
    now = report.generated_at
    rows = [
        [
            " ".join([item.title, *item.labels.values()]),
            f"{amount(item.level, item.unit)} of {amount(item.limit, item.unit)}",
            paint(in_days(item.expected_at, now), _urgency(item.expected_at, now)),
            f"{in_days(item.early_at, now)} to {in_days(item.late_at, now)}",
        ]
        for item in report.forecasts
        if item.expected_at is not None
    ]
    return "FORECASTS\n" + format_table(["RESOURCE", "USED", "FULL IN", "80 % INTERVAL"], rows) if rows else ""


def in_days(moment: datetime | None, now: datetime) -> str:
    """How far ahead, in days, below two days in hours; None is later than anybody can tell."""
    if moment is None:
        return "later"
    hours = max(0.0, (moment - now).total_seconds() / 3600)
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def _urgency(moment: datetime | None, now: datetime) -> CheckState:
    """As the alert rules have it: a week is a warning, a day is critical."""
    days = float("inf") if moment is None else (moment - now).total_seconds() / 86_400
    return CheckState.CRITICAL if days < 1 else CheckState.WARNING if days < 7 else CheckState.OK


def _limits(resource: Resource) -> str:
    limits = (resource.warning, resource.critical)
    return " / ".join("-" if limit is None else amount(limit, resource.unit) for limit in limits)


def amount(value: float, unit: str) -> str:
    """A value with its unit for people: bytes in powers of 1000, seconds to the millisecond."""
    if unit == "B":
        for prefix in ("", "k", "M", "G"):
            if abs(value) < 1000:
                return f"{value:.3g} {prefix}B"
            value /= 1000
        return f"{value:.3g} TB"
    if unit == "s":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:.1f} {unit}".rstrip()


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the largest fitting unit."""
    if moment is None:
        return "-"
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def shorten(text: str, width: int) -> str:
    """At most ``width`` columns of one line."""
    text = " ".join(text.split())
    if display_width(text) <= width:
        return text
    while display_width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def paint(text: str, state: CheckState) -> str:
    """Text in the colour of a state."""
    return colour(text, STATE_COLOURS[state]) if text else text
