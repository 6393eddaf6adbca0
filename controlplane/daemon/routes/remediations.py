"""GET /api/v1/remediations: what was tried by itself."""

from datetime import UTC, datetime

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.query import DEFAULT_LIMIT, MAX_LIMIT, limit_of, refuse_unknown, since_of
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref


async def list_remediations(request: web.Request) -> web.Response:
    """Attempts, newest first."""
    refuse_unknown(request, frozenset({"since", "limit"}))
    since = since_of(request, datetime.now(UTC))
    return answer(await request.app[DAEMON].remediator.history(since, limit_of(request)))


ROUTES = [
    Route(
        "GET",
        "/api/v1/remediations",
        list_remediations,
        "What was tried by itself, newest first.",
        {
            200: ("Attempts of remedies.", list_of(ref("Remediation"))),
            400: ("A parameter is wrong.", PROBLEM),
            503: ("The database does not answer.", PROBLEM),
        },
        [
            Parameter("since", "Attempts since a time with a zone, or a duration ago such as 7d."),
            Parameter(
                "limit",
                f"At most this many; default {DEFAULT_LIMIT}.",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            ),
        ],
    ),
]
