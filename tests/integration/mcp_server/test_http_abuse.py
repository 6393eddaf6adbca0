"""Oversized, malformed, unauthenticated and hostile requests on the memory server's port."""

import http.client
import json
import socket
from typing import Any

import psutil
import pytest

from tests.support.memory_server import TOKEN, MemoryServer

HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "stats", "arguments": {}},
}


def post(server: MemoryServer, body: bytes, path: str = "/mcp", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body, {**HEADERS, **given})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_a_well_formed_call_is_answered(shared_server: MemoryServer) -> None:
    status, text = post(shared_server, json.dumps(CALL).encode())
    assert status == 200
    assert json.loads(text)["result"]["structuredContent"]["memories"] == 0


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param(b"{", "Parse error", id="broken JSON"),
        pytest.param(b"", "Parse error", id="empty"),
        pytest.param(b"\xff\xfe", "Parse error", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "Parse error", id="deep nesting"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 1, "method": 5}', "method", id="method is no string"),
        pytest.param(b'{"id": 1, "method": "ping"}', "jsonrpc", id="no jsonrpc"),
        pytest.param(b"[]", "", id="a list"),
    ],
)
def test_malformed_messages_get_4xx(shared_server: MemoryServer, body: bytes, named: str) -> None:
    status, text = post(shared_server, body)
    assert 400 <= status < 500
    assert named in text


def test_an_announced_oversized_body_is_refused_unread(shared_server: MemoryServer) -> None:
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=10) as connection:
        head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{shared_server.port}\r\nContent-Length: 99999999999\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        connection.sendall(head.encode() + b"\r\n")
        assert b" 413 " in connection.recv(200)


def test_an_oversized_stream_is_cut_off_within_bounded_memory(shared_server: MemoryServer) -> None:
    before = psutil.Process(shared_server.pid).memory_info().rss
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=30) as connection:
        head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{shared_server.port}\r\nTransfer-Encoding: chunked\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        connection.sendall(head.encode() + b"\r\n")
        answer = _send_until_answered(connection, b"10000\r\n" + b"x" * 0x10000 + b"\r\n", pieces=2_000)
    assert b" 413 " in answer
    assert psutil.Process(shared_server.pid).memory_info().rss - before < 60_000_000


def _send_until_answered(connection: socket.socket, piece: bytes, pieces: int) -> bytes:
    try:
        for _ in range(pieces):
            connection.sendall(piece)
    except OSError:
        pass
    try:
        return connection.recv(200)
    except OSError as error:
        pytest.fail(f"no answer: {error}")


def test_oversized_headers_are_refused(shared_server: MemoryServer) -> None:
    status, _ = post(shared_server, b"{}", X_Large="x" * 100_000)
    assert status in (400, 431)


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        pytest.param({"Host": "attacker.example"}, 403, "Host", id="DNS rebinding"),
        pytest.param({"Origin": "https://attacker.example"}, 403, "Origin", id="cross-site"),
        pytest.param({"Origin": "null"}, 403, "Origin", id="sandboxed page"),
        pytest.param({"X-Forwarded-For": "192.0.2.1"}, 401, "Authorization", id="behind a proxy"),
    ],
)
@pytest.mark.parametrize("path", ["/mcp", "/admin/reindex"])
def test_web_pages_and_strangers_stay_outside(
    shared_server: MemoryServer, headers: dict[str, str], status: int, field: str, path: str
) -> None:
    seen, text = post(shared_server, json.dumps(CALL).encode(), path, **headers)
    assert (seen, json.loads(text)["field"]) == (status, field)


def test_a_form_post_is_no_call(shared_server: MemoryServer) -> None:
    status, _ = post(shared_server, json.dumps(CALL).encode(), Content_Type="text/plain")
    assert 400 <= status < 500


def test_admin_needs_the_token_also_from_here(shared_server: MemoryServer) -> None:
    assert post(shared_server, b"", "/admin/reindex")[0] == 401
    assert post(shared_server, b"", "/admin/reindex", Authorization="Bearer wrong")[0] == 401
    assert post(shared_server, b"", "/admin/reindex", Authorization=f"Bearer {TOKEN}")[0] == 202


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/health", 405),
        ("DELETE", "/metrics", 405),
        ("GET", "/../etc/passwd", 404),
        ("GET", "/mcp", 405),
    ],
)
def test_unknown_paths_and_methods(shared_server: MemoryServer, method: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared_server.port, timeout=10)
    connection.request(method, path)
    assert connection.getresponse().status == status
    connection.close()


def test_half_a_surrogate_pair_is_refused(shared_server: MemoryServer) -> None:
    call: dict[str, Any] = {**CALL, "params": {"name": "store", "arguments": {"content": "\ud800"}}}
    status, text = post(shared_server, json.dumps(call).encode())
    assert 400 <= status < 500 or "invalid_argument" in text


def test_after_all_that_the_server_still_answers(shared_server: MemoryServer) -> None:
    assert shared_server.health()[0] == 200
    assert "Traceback" not in shared_server.log.read_text(encoding="utf-8")
