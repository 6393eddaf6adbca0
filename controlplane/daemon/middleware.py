"""What happens around every request: limits, the guard, errors, security headers, counting."""

import logging
from collections.abc import Awaitable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controlplane.daemon.context import DAEMON, HttpCounters
from controlplane.daemon.guard import Forbidden, authorise
from controlplane.daemon.json import problem, problem_of
from controlplane.errors import CmctlError

logger = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
API_HEADERS = {**SECURITY_HEADERS, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


class Gate:
    """The one middleware. ``draining`` is set once no new request may start."""

    def __init__(self, token: str, max_concurrent_requests: int) -> None:
        self._token = token
        self._max_concurrent_requests = max_concurrent_requests
        self._running = 0

    def middleware(self) -> Middleware:
        """The middleware in the form aiohttp wants."""

        @web.middleware
        def gate(request: web.Request, handler: Handler) -> Awaitable[web.StreamResponse]:
            return self._pass(request, handler)

        return gate

    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        counters = request.app[DAEMON].http
        if self._running >= self._max_concurrent_requests:
            counters.overloaded += 1
            response: web.StreamResponse = problem(503, "too many requests at once", hint="try again in a moment")
        else:
            self._running += 1
            try:
                response = await self._answer(request, handler, counters)
            finally:
                self._running -= 1
        counters.requests[(_route_of(request), response.status)] += 1
        return response

    async def _answer(self, request: web.Request, handler: Handler, counters: HttpCounters) -> web.StreamResponse:
        try:
            authorise(request.method, request.path, request.remote, request.headers, self._token)
            response = await handler(request)
        except Forbidden as error:
            counters.forbidden += 1
            response = problem(error.status, error.message, error.field)
        except CmctlError as error:
            response = problem_of(error)
        except web.HTTPException as error:
            response = _plain_problem(error)
        except Exception:
            logger.exception("A request failed", extra={"action": "http", "path": request.path[:200]})
            response = problem(500, "the control plane has a fault; its log has the details")
        has_policy = "Content-Security-Policy" in response.headers
        response.headers.extend(SECURITY_HEADERS if has_policy else API_HEADERS)
        return response


def _plain_problem(error: web.HTTPException) -> web.Response:
    response = problem(error.status, error.reason, field="body" if error.status == 413 else None)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _route_of(request: web.Request) -> str:
    """The route's pattern, so that paths made up by a scanner do not multiply the counters."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(none)"
