"""GET /api/v1/status and /api/v1/checks."""

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.json import answer
from controlplane.daemon.query import refuse_unknown, since_of
from controlplane.daemon.routes.health import components, role
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.domain.check import CheckResult, worst
from controlplane.domain.slo_status import ObjectiveStatus, objective_status, worst_first
from controlplane.domain.status import alert_state
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.incidents.ports import IncidentFilter
from controlplane.services.incidents.record import incident_record

DEFAULT_HISTORY = timedelta(hours=1)
MAX_INCIDENTS = 50


def check_fields(results: Iterable[CheckResult]) -> list[dict[str, Any]]:
    """Results with the names of their states, as the command line writes them."""
    return [
        {**dataclasses.asdict(result), "state": result.state.name, "raw_state": result.raw_state.name}
        for result in results
    ]


def slo_lines(daemon: Daemon) -> list[ObjectiveStatus]:
    """A line for each objective, worst first, as of the latest evaluation."""
    latest = daemon.slo_board.latest
    if latest.evaluated_at is None:
        return []
    return worst_first([objective_status(record, latest.evaluated_at) for record in latest.records])


async def open_incidents(daemon: Daemon) -> list[dict[str, Any]]:
    """Incidents that are open, newest first; none while the store does not answer."""
    try:
        found = await daemon.incidents.list_incidents(IncidentFilter(state="open", limit=MAX_INCIDENTS))
    except CmctlError:
        return []
    return [incident_record(one) for one in found]


async def read_status(daemon: Daemon) -> dict[str, Any]:
    """One object that tells how everything is."""
    checks, firing = daemon.checks.latest(), daemon.current.firing()
    states = [result.state for result in checks] + [alert_state(alert.severity) for alert in firing]
    return {
        "state": worst(states).name,
        "checks": check_fields(checks),
        "alerts": await daemon.acknowledgement.with_notes(firing),
        "jobs": await daemon.jobs.states(),
        "slos": slo_lines(daemon),
        "incidents": await open_incidents(daemon),
        "components": components(daemon),
        "role": role(daemon),
        "version": daemon.version,
        "started_at": daemon.started_at,
    }


async def status(request: web.Request) -> web.Response:
    """Checks, firing alerts, jobs and the daemon's own parts."""
    refuse_unknown(request, frozenset())
    return answer(await read_status(request.app[DAEMON]))


async def checks(request: web.Request) -> web.Response:
    """The latest result of each check."""
    refuse_unknown(request, frozenset())
    return answer(check_fields(request.app[DAEMON].checks.latest()))


async def check_history(request: web.Request) -> web.Response:
    """Past results of one check, oldest first."""
    refuse_unknown(request, frozenset({"since"}))
    daemon, name = request.app[DAEMON], request.match_info["name"]
    if name not in {result.name for result in daemon.checks.latest()}:
        raise UsageProblem(f"there is no check {name[:100]!r} with results", hint="see cmctl check list")
    now = datetime.now(UTC)
    results = await daemon.check_history.history(name, since_of(request, now) or now - DEFAULT_HISTORY)
    return answer(check_fields(results))


_STATUS_ANSWERS = {200: ("How everything is.", ref("Status"))}

ROUTES = [
    Route("GET", "/api/v1/status", status, "One object that tells how everything is.", _STATUS_ANSWERS),
    Route("GET", "/api/status", status, "The same as /api/v1/status.", _STATUS_ANSWERS),
    Route("GET", "/api/v1/checks", checks, "Latest result of each check.", {200: ("Results.", list_of(ref("Check")))}),
    Route(
        "GET",
        "/api/v1/checks/{name}",
        check_history,
        "Past results of one check.",
        {
            200: ("Results, oldest first.", list_of(ref("Check"))),
            400: ("A parameter is wrong.", PROBLEM),
            404: ("No such check.", PROBLEM),
            503: ("The database does not answer.", PROBLEM),
        },
        [
            Parameter("name", "Name of the check.", place="path"),
            Parameter("since", "A time with a zone, or a duration ago such as 90m; default one hour."),
        ],
    ),
]
