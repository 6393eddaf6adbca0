"""Who may do what over HTTP."""

import pytest

from controlplane.daemon.guard import Forbidden, authorise, is_loopback_host

TOKEN = "right-token"
LOCAL = {"Host": "localhost:8081"}


@pytest.mark.parametrize(
    ("case", "method", "path", "peer", "headers"),
    [
        ("reading on loopback", "GET", "/api/v1/status", "127.0.0.1", LOCAL),
        ("the webhook on loopback", "POST", "/webhook", "127.0.0.1", LOCAL),
        ("IPv6 loopback", "GET", "/", "::1", {"Host": "[::1]:8081"}),
        ("IPv4 in IPv6", "GET", "/", "::ffff:127.0.0.1", {"Host": "127.0.0.1"}),
        ("changing, with the token", "POST", "/x", "127.0.0.1", {**LOCAL, "Authorization": f"Bearer {TOKEN}"}),
        ("from elsewhere, with the token", "GET", "/", "192.0.2.1", {"Authorization": f"bearer {TOKEN}"}),
    ],
)
def test_allowed(case: str, method: str, path: str, peer: str, headers: dict[str, str]) -> None:
    authorise(method, path, peer, headers, TOKEN)


@pytest.mark.parametrize(
    ("case", "method", "path", "peer", "headers", "status", "field"),
    [
        ("a web page", "POST", "/webhook", "127.0.0.1", {**LOCAL, "Origin": "http://evil.example"}, 403, "Origin"),
        ("a page without origin", "GET", "/", "127.0.0.1", {**LOCAL, "Origin": "null"}, 403, "Origin"),
        ("a rebound name", "GET", "/", "127.0.0.1", {"Host": "evil.example:8081"}, 403, "Host"),
        ("a name that begins like loopback", "GET", "/", "127.0.0.1", {"Host": "127.0.0.1.evil.example"}, 403, "Host"),
        ("no Host", "GET", "/", "127.0.0.1", {}, 403, "Host"),
        ("from elsewhere", "GET", "/", "192.0.2.1", LOCAL, 401, "Authorization"),
        ("through a proxy", "GET", "/", "127.0.0.1", {**LOCAL, "X-Forwarded-For": "192.0.2.1"}, 401, "Authorization"),
        ("unknown peer", "GET", "/", None, LOCAL, 401, "Authorization"),
        ("changing without token", "POST", "/x", "127.0.0.1", LOCAL, 401, "Authorization"),
        ("wrong token", "GET", "/", "127.0.0.1", {**LOCAL, "Authorization": "Bearer wrong"}, 401, "Authorization"),
        ("wrong scheme", "GET", "/", "127.0.0.1", {**LOCAL, "Authorization": f"Basic {TOKEN}"}, 401, "Authorization"),
        ("empty token", "GET", "/", "127.0.0.1", {**LOCAL, "Authorization": "Bearer "}, 401, "Authorization"),
        ("odd token", "GET", "/", "127.0.0.1", {**LOCAL, "Authorization": "Bearer \udcff"}, 401, "Authorization"),
    ],
)
def test_refused(
    case: str, method: str, path: str, peer: str | None, headers: dict[str, str], status: int, field: str
) -> None:
    with pytest.raises(Forbidden) as caught:
        authorise(method, path, peer, headers, TOKEN)
    assert (caught.value.status, caught.value.field) == (status, field), case
    assert TOKEN not in caught.value.message


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.:80", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("[::2]:80", False),
        ("localhost.evil.example", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_loopback_names(host: str, expected: bool) -> None:
    assert is_loopback_host(host) is expected
