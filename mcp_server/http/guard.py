"""Who may reach the HTTP port: bounded, and closed to web pages.

A request from this machine, addressed to a loopback name and without an Origin header, needs no token, except for
/admin. Everything else needs ``Authorization: Bearer <token>``. A foreign Host (DNS rebinding) or Origin (a web page)
is refused whatever it carries.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
# A header of a reverse proxy means that the peer is not the client.
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
BODY_SECONDS = 30.0


class Guard:
    """ASGI middleware."""

    def __init__(
        self,
        app: ASGIApp,
        token: Callable[[], str] | None,
        allowed_hosts: Collection[str],
        max_concurrent_requests: int,
        answered: Callable[[int], None],
    ) -> None:
        """``token`` gives the secret when it is needed; ``answered`` is told every status code."""
        self._app = app
        self._token = token
        self._allowed_hosts = frozenset(allowed_hosts) | LOOPBACK_NAMES
        self._max_concurrent_requests = max_concurrent_requests
        self._answered = answered
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._active >= self._max_concurrent_requests:
            refusal: Response | None = _refusal(503, "too many requests at once", None, {"Retry-After": "1"})
        else:
            refusal = self._refuse(scope)
        self._active += 1
        try:
            if refusal is not None:
                await refusal(scope, receive, self._counting(send))
            else:
                await self._app(scope, _with_deadline(receive), self._counting(send))
        except TimeoutError:
            await _refusal(408, "the body did not arrive in time", "body")(scope, receive, self._counting(send))
        finally:
            self._active -= 1

    def _refuse(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host"))
        if host is None:
            return _refusal(400, "the Host header is missing or malformed", "Host")
        if host not in self._allowed_hosts:
            return _refusal(403, "this server does not go by that name; see listen.allowed_hosts", "Host")
        origin = headers.get("origin")
        if origin is not None and _origin_host(origin) not in self._allowed_hosts:
            return _refusal(403, "web pages may not use this server", "Origin")
        is_local = _is_local(scope, headers) and host in LOOPBACK_NAMES and origin is None
        if is_local and not scope["path"].startswith("/admin"):
            return None
        return self._check_token(headers)

    def _check_token(self, headers: Headers) -> Response | None:
        if self._token is None:
            return _refusal(403, "only requests from this machine are served; listen.token is not set", "Host")
        given = headers.get("authorization", "").encode()
        if hmac.compare_digest(given, f"Bearer {self._token()}".encode()):
            return None
        return _refusal(401, "a valid bearer token is needed", "Authorization", {"WWW-Authenticate": "Bearer"})

    def _counting(self, send: Send) -> Send:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(message["status"])
            await send(message)

        return counting


def _refusal(status: int, problem: str, field: str | None, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": problem, "field": field}, status_code=status, headers=headers)


def _host_name(header: str | None) -> str | None:
    """Host name without port, lower-cased; None when there is none."""
    try:
        return urlsplit(f"//{header or ''}").hostname
    except ValueError:
        return None


def _origin_host(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None


def _is_local(scope: Scope, headers: Headers) -> bool:
    client = scope.get("client")
    if client is None or any(name in headers for name in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _with_deadline(receive: Receive) -> Receive:
    """Give up on a body that trickles in; afterwards waiting for the client to leave takes as long as it takes."""
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS
    is_complete = False

    async def bounded() -> Message:
        nonlocal is_complete
        if is_complete:
            return await receive()
        async with asyncio.timeout_at(deadline):
            message = await receive()
        is_complete = not message.get("more_body", False)
        return message

    return bounded
