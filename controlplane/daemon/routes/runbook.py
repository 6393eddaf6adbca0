"""GET /docs/runbook and /docs/runbook.zh: the runbook as a page, so that links in alerts always work."""

from aiohttp import web

from controlplane.daemon.json import problem
from controlplane.daemon.pages import PAGES
from controlplane.daemon.routing import PROBLEM, Route


async def runbook(request: web.Request) -> web.Response:
    """The runbook in English."""
    return _document(request, "runbook.md", "en")


async def runbook_zh(request: web.Request) -> web.Response:
    """The runbook in Chinese."""
    return _document(request, "runbook.zh.md", "zh")


def _document(request: web.Request, name: str, language: str) -> web.Response:
    pages = request.app[PAGES]
    document = pages.document(name)
    if document is None:
        return problem(404, f"docs/{name} is not installed")
    title, html = document
    return pages.render("web/document.html", {"title": title, "html": html, "language": language})


_ANSWERS = {200: ("A page.", None), 404: ("This installation has no such document.", PROBLEM)}

ROUTES = [
    Route("GET", "/docs/runbook", runbook, "The runbook.", _ANSWERS, media_type="text/html"),
    Route("GET", "/docs/runbook.zh", runbook_zh, "The runbook in Chinese.", _ANSWERS, media_type="text/html"),
]
