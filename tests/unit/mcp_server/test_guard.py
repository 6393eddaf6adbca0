"""Who may reach the HTTP port."""

import asyncio
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from mcp_server.http import guard
from mcp_server.http.guard import Guard

LOCAL = ("127.0.0.1", 50000)
REMOTE = ("192.0.2.7", 50000)
HOST = {"host": "127.0.0.1:8080"}
BEARER = {"authorization": "Bearer sesame"}


async def through(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("reached")(scope, receive, send)


class Port:
    """A guarded application, called as a server would."""

    def __init__(self, app: Any = through, token: str | None = "sesame", limit: int = 8) -> None:
        self.codes: list[int] = []
        self._guard = Guard(
            app,
            token=None if token is None else lambda: token,
            allowed_hosts=["memory.example.org"],
            max_concurrent_requests=limit,
            answered=self.codes.append,
        )

    async def request(
        self, headers: dict[str, str], client: tuple[str, int] = LOCAL, path: str = "/health", receive: Any = None
    ) -> tuple[int, bytes]:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": client,
        }
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        await self._guard(scope, receive or nothing, send)
        return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    ("headers", "client", "path", "status"),
    [
        pytest.param(HOST, LOCAL, "/health", 200, id="this machine"),
        pytest.param({"host": "localhost"}, LOCAL, "/mcp", 200, id="by name"),
        pytest.param({"host": "[::1]:8080"}, ("::1", 1), "/mcp", 200, id="IPv6"),
        pytest.param({}, LOCAL, "/mcp", 400, id="no Host"),
        pytest.param({"host": "evil.example.com"}, LOCAL, "/mcp", 403, id="DNS rebinding"),
        pytest.param({"host": "127.0.0.1.evil.example.com"}, LOCAL, "/mcp", 403, id="look-alike host"),
        pytest.param({**HOST, "origin": "https://evil.example.com"}, LOCAL, "/mcp", 403, id="web page"),
        pytest.param({**HOST, "origin": "null"}, LOCAL, "/mcp", 403, id="sandboxed page"),
        pytest.param(
            {**HOST, "origin": "https://evil.example.com", **BEARER}, LOCAL, "/mcp", 403, id="page with token"
        ),
        pytest.param({**HOST, "origin": "http://localhost:3000"}, LOCAL, "/mcp", 401, id="local page without token"),
        pytest.param({**HOST, "origin": "http://localhost:3000", **BEARER}, LOCAL, "/mcp", 200, id="local page"),
        pytest.param({"host": "memory.example.org"}, REMOTE, "/mcp", 401, id="stranger"),
        pytest.param({"host": "memory.example.org", **BEARER}, REMOTE, "/mcp", 200, id="stranger with token"),
        pytest.param(HOST, REMOTE, "/mcp", 401, id="stranger who claims to be local"),
        pytest.param({**HOST, "x-forwarded-for": "192.0.2.7"}, LOCAL, "/mcp", 401, id="behind a proxy"),
        pytest.param({"host": "memory.example.org"}, LOCAL, "/mcp", 401, id="public name from here"),
        pytest.param(HOST, LOCAL, "/admin/reindex", 401, id="admin without token"),
        pytest.param({**HOST, **BEARER}, LOCAL, "/admin/reindex", 200, id="admin"),
        pytest.param({**HOST, "authorization": "Bearer wrong"}, LOCAL, "/admin/reindex", 401, id="wrong token"),
        pytest.param({**HOST, "authorization": "sesame"}, LOCAL, "/admin/reindex", 401, id="not a bearer token"),
    ],
)
async def test_who_gets_through(headers: dict[str, str], client: tuple[str, int], path: str, status: int) -> None:
    port = Port()
    assert (await port.request(headers, client, path))[0] == status
    assert port.codes == [status]


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"host": "evil.example.com"}, "Host"),
        ({**HOST, "origin": "https://evil.example.com"}, "Origin"),
        ({"host": "memory.example.org"}, "Authorization"),
    ],
)
async def test_a_refusal_names_the_header(headers: dict[str, str], field: str) -> None:
    _, body = await Port().request(headers, REMOTE)
    assert f'"field":"{field}"'.encode() in body


async def test_without_a_token_only_this_machine_is_served() -> None:
    port = Port(token=None)
    assert (await port.request(HOST))[0] == 200
    assert (await port.request({**HOST, "authorization": "Bearer "}, REMOTE))[0] == 403
    assert (await port.request(HOST, path="/admin/reindex"))[0] == 403


async def test_too_many_requests_at_once_are_turned_away() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await leave.wait()
        await through(scope, receive, send)

    port = Port(slow, limit=1)
    first = asyncio.create_task(port.request(HOST))
    await entered.wait()
    assert (await port.request(HOST))[0] == 503
    leave.set()
    assert (await first)[0] == 200
    assert (await port.request(HOST))[0] == 200


async def test_a_body_that_never_comes_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.01)

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await through(scope, receive, send)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    assert (await Port(reads).request(HOST, receive=never))[0] == 408
