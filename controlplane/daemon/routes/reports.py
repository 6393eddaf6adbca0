"""The kept SLA reports: GET /reports, /reports/{id}, /api/v1/reports and /api/v1/reports/{id}."""

from collections.abc import Sequence

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.pages import PAGES
from controlplane.daemon.query import refuse_unknown
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.domain.payload_text import PayloadProblem
from controlplane.domain.slo.kept_report import DATA_FILE, FORMATS, file_name
from controlplane.errors import UsageProblem
from controlplane.services.slo.report.words import LANGUAGES

_MEDIA_TYPES = {"html": "text/html", "md": "text/markdown", "pdf": "application/pdf"}
# A kept page has its own style and nothing else; what it shows was quoted when it was made.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


async def list_reports(request: web.Request) -> web.Response:
    """Every kept report."""
    refuse_unknown(request, frozenset())
    return answer(await request.app[DAEMON].reports.entries())


async def show_report(request: web.Request) -> web.Response:
    """Everything a kept report says, as data."""
    refuse_unknown(request, frozenset())
    content = await _file(request, DATA_FILE)
    return web.Response(body=content, content_type="application/json")


async def overview(request: web.Request) -> web.Response:
    """The list for people."""
    refuse_unknown(request, frozenset())
    return request.app[PAGES].render("web/reports.html", {"reports": await request.app[DAEMON].reports.entries()})


async def page(request: web.Request) -> web.Response:
    """A kept report as it was made."""
    refuse_unknown(request, frozenset({"lang", "format"}))
    language = _one_of(request, "lang", LANGUAGES)
    form = _one_of(request, "format", FORMATS)
    content = await _file(request, file_name(language, form))
    media_type = _MEDIA_TYPES[form]
    headers = {"Content-Security-Policy": _POLICY}
    if form != "html":
        headers["Content-Disposition"] = f'inline; filename="sla-{request.match_info["id"]}-{language}.{form}"'
    charset = "utf-8" if media_type.startswith("text/") else None
    return web.Response(body=content, content_type=media_type, charset=charset, headers=headers)


def _one_of(request: web.Request, name: str, known: Sequence[str]) -> str:
    value = request.query.get(name, known[0])
    if value not in known:
        raise PayloadProblem(name, f"must be one of {', '.join(known)}")
    return value


async def _file(request: web.Request, name: str) -> bytes:
    report_id = request.match_info["id"]
    content = (
        await request.app[DAEMON].reports.file(report_id, name)
        if report_id.isascii() and report_id.isprintable()
        else None
    )
    if content is None:
        raise UsageProblem(f"there is no report {report_id[:60]!r}", hint="see cmctl slo reports")
    return content


_ID = Parameter("id", "Identifier of the report, such as month-2026-10.", place="path")
_AWAY = {503: ("The database does not answer.", PROBLEM)}

ROUTES = [
    Route(
        "GET", "/reports", overview, "The kept SLA reports.", {200: ("A page.", None), **_AWAY}, media_type="text/html"
    ),
    Route(
        "GET",
        "/reports/{id}",
        page,
        "A kept SLA report.",
        {
            200: ("The report.", None),
            400: ("A parameter is wrong.", PROBLEM),
            404: ("No such report.", PROBLEM),
            **_AWAY,
        },
        [
            _ID,
            Parameter("lang", "Language; en.", {"type": "string", "enum": list(LANGUAGES)}),
            Parameter("format", "Format; html.", {"type": "string", "enum": list(FORMATS)}),
        ],
        media_type="text/html",
    ),
    Route(
        "GET",
        "/api/v1/reports",
        list_reports,
        "List the kept SLA reports.",
        {200: ("Reports, the newest period first.", list_of(ref("KeptReport"))), **_AWAY},
    ),
    Route(
        "GET",
        "/api/v1/reports/{id}",
        show_report,
        "Everything a kept SLA report says.",
        {200: ("The report.", ref("SloReport")), 404: ("No such report.", PROBLEM), **_AWAY},
        [_ID],
    ),
]
