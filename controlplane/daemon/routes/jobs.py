"""GET /api/v1/jobs, /api/v1/jobs/history; POST /api/v1/jobs/{name}/run."""

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.query import MAX_LIMIT, limit_of, refuse_unknown
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref

DEFAULT_HISTORY = 50


async def list_jobs(request: web.Request) -> web.Response:
    """Every task with its next time and its last run."""
    refuse_unknown(request, frozenset())
    return answer(await request.app[DAEMON].jobs.states())


async def history(request: web.Request) -> web.Response:
    """Latest runs, newest first."""
    refuse_unknown(request, frozenset({"task", "limit"}))
    task = request.query.get("task")
    return answer(await request.app[DAEMON].jobs.history(task, limit_of(request, DEFAULT_HISTORY)))


async def run(request: web.Request) -> web.Response:
    """Run a task now and answer when it has ended. A standby runs none: another daemon does."""
    request.app[DAEMON].standby.refuse_on_standby()
    return answer(await request.app[DAEMON].jobs.run(request.match_info["name"], "manual"))


ROUTES = [
    Route("GET", "/api/v1/jobs", list_jobs, "List the scheduled tasks.", {200: ("Tasks.", list_of(ref("Task")))}),
    Route(
        "GET",
        "/api/v1/jobs/history",
        history,
        "List what ran, newest first.",
        {
            200: ("Runs.", list_of(ref("JobRun"))),
            400: ("A parameter is wrong.", PROBLEM),
            404: ("No such task.", PROBLEM),
            503: ("The ledger's database does not answer.", PROBLEM),
        },
        [
            Parameter("task", "Only runs of this task."),
            Parameter("limit", "At most this many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
        ],
    ),
    Route(
        "POST",
        "/api/v1/jobs/{name}/run",
        run,
        "Run a task now; the answer comes when it has ended.",
        {
            200: ("How it went.", ref("JobRun")),
            404: ("No such task.", PROBLEM),
            409: ("It is already running.", PROBLEM),
            503: ("Another daemon is active, and runs the tasks.", PROBLEM),
        },
        [Parameter("name", "Name of the task.", place="path")],
        needs_token=True,
    ),
]
