"""GET /api/v1/alerts and /api/v1/alerts/{fingerprint}."""

import dataclasses
from datetime import UTC, datetime

from aiohttp import web

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.json import answer
from controlplane.daemon.query import DEFAULT_LIMIT, MAX_LIMIT, alert_filter, refuse_unknown
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.domain.alert import AlertFilter
from controlplane.errors import UsageProblem
from controlplane.services.alerts import AlertAnswer, read_alerts

CATCH_UP_SECONDS = 2.0
_FILTERS = frozenset({"fingerprint", "state", "severity", "since", "label", "after", "limit"})


async def list_alerts(request: web.Request) -> web.Response:
    """The wanted alerts, firing before resolved, newest start first."""
    refuse_unknown(request, _FILTERS)
    found = await read_current(request.app[DAEMON], alert_filter(request, datetime.now(UTC)))
    return answer(found.alerts, headers=source_headers(found))


async def show_alert(request: web.Request) -> web.Response:
    """The latest alert of a fingerprint, with every change of state."""
    refuse_unknown(request, frozenset())
    fingerprint = request.match_info["fingerprint"]
    wanted = AlertFilter(fingerprint=fingerprint.replace("\0", ""), limit=DEFAULT_LIMIT)
    found = await read_current(request.app[DAEMON], wanted, with_history=True)
    if not found.alerts:
        raise UsageProblem(f"there is no alert with fingerprint {fingerprint[:128]!r}", hint="see cmctl alerts list")
    latest = max(found.alerts, key=lambda alert: alert.starts_at)
    fields = {field.name: getattr(latest, field.name) for field in dataclasses.fields(latest)}
    return answer({**fields, "history": found.history}, headers=source_headers(found))


async def read_current(daemon: Daemon, wanted: AlertFilter, with_history: bool = False) -> AlertAnswer:
    """Alerts from PostgreSQL, everything that was accepted included; from memory while it is away."""
    if daemon.database.is_up and not await daemon.mover.wait_until_moved(CATCH_UP_SECONDS):
        found = await read_alerts([daemon.alert_store, daemon.current], wanted, with_history)
        late = f"{daemon.journal.pending_records} accepted records are not yet in PostgreSQL"
        return dataclasses.replace(found, warnings=[*found.warnings, late])
    return await read_alerts([daemon.alert_store, daemon.current], wanted, with_history)


def source_headers(found: AlertAnswer) -> dict[str, str]:
    """Where the alerts come from, and why not from a better place."""
    headers = {"X-Cmctl-Source": found.source}
    if found.warnings:
        text = "; ".join(found.warnings).encode("ascii", "replace").decode("ascii")
        headers["X-Cmctl-Warning"] = " ".join(text.split())[:1000]
    return headers


_PARAMETERS = [
    Parameter("state", "Only alerts in this state.", {"type": "string", "enum": ["firing", "resolved"]}),
    Parameter("fingerprint", "Only alerts with this fingerprint."),
    Parameter("severity", "Only alerts of this severity."),
    Parameter("since", "Only alerts with news since a time with a zone, or a duration ago such as 90m."),
    Parameter("label", "Only alerts with this label, name=value. May be given more than once."),
    Parameter("after", "Continue behind an alert: its state,starts_at,fingerprint."),
    Parameter("limit", "At most this many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
]
_LIST_ANSWERS = {
    200: ("Alerts; the header X-Cmctl-Source says from where.", list_of(ref("Alert"))),
    400: ("A parameter is wrong; `field` names it.", PROBLEM),
}
_FINGERPRINT = Parameter("fingerprint", "Fingerprint of the alert.", place="path")

ROUTES = [
    Route("GET", "/api/v1/alerts", list_alerts, "List alerts.", _LIST_ANSWERS, _PARAMETERS),
    Route("GET", "/api/alerts", list_alerts, "The same as /api/v1/alerts.", _LIST_ANSWERS, _PARAMETERS),
    Route(
        "GET",
        "/api/v1/alerts/{fingerprint}",
        show_alert,
        "Show an alert with its history.",
        {200: ("The alert.", ref("AlertWithHistory")), 404: ("No such alert.", PROBLEM)},
        [_FINGERPRINT],
    ),
]
