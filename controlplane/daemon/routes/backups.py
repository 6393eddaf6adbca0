"""GET /api/v1/backups and /api/v1/backups/{id}."""

import asyncio

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.query import refuse_unknown
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref


async def list_backups(request: web.Request) -> web.Response:
    """Every recovery set, newest first."""
    refuse_unknown(request, frozenset())
    return answer(await asyncio.to_thread(request.app[DAEMON].backups.files.sets))


async def show_backup(request: web.Request) -> web.Response:
    """One recovery set."""
    refuse_unknown(request, frozenset())
    return answer(await asyncio.to_thread(request.app[DAEMON].backups.files.find, request.match_info["id"]))


ROUTES = [
    Route(
        "GET",
        "/api/v1/backups",
        list_backups,
        "List the recovery sets, newest first.",
        {200: ("Sets.", list_of(ref("Backup")))},
    ),
    Route(
        "GET",
        "/api/v1/backups/{id}",
        show_backup,
        "Show a recovery set.",
        {200: ("The set.", ref("Backup")), 404: ("No such set.", PROBLEM)},
        [Parameter("id", "Id of the set, or latest.", place="path")],
    ),
]
