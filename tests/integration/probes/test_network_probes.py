"""http, tcp, qdrant and response_time against peers that are up, down, slow and broken."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from controlplane.adapters.probes.http_endpoint import HttpProbe
from controlplane.adapters.probes.qdrant import EdgeProbe
from controlplane.adapters.probes.response_time import ResponseTimeProbe
from controlplane.adapters.probes.tcp import TcpProbe, split_address
from controlplane.domain.check import CheckState, Limits
from controlplane.errors import UsageProblem
from controlplane.services.checks import observe_within
from tests.support.peers import Handler, dripping, garbage, hanging_up, http, serving, silent

OK, WARNING, CRITICAL, UNKNOWN = CheckState.OK, CheckState.WARNING, CheckState.CRITICAL, CheckState.UNKNOWN
SHORT = 0.2


def health(status: str, **components: str) -> bytes:
    parts = {name: {"status": said, "detail": "d"} for name, said in components.items()}
    return json.dumps({"status": status, "components": parts}).encode()


def plain(port: int) -> HttpProbe:
    return HttpProbe(f"http://127.0.0.1:{port}/health", 5, Limits())


def field(port: int) -> HttpProbe:
    return HttpProbe(f"http://127.0.0.1:{port}/health", 5, Limits(), "status")


def hasty(port: int) -> HttpProbe:
    return HttpProbe(f"http://127.0.0.1:{port}/health", SHORT, Limits())


def strict(port: int) -> HttpProbe:
    return HttpProbe(f"http://127.0.0.1:{port}/", 5, Limits(critical=0))


def tcp(port: int) -> TcpProbe:
    return TcpProbe("127.0.0.1", port, Limits())


def edge(port: int) -> EdgeProbe:
    return EdgeProbe(f"http://127.0.0.1:{port}/health", SHORT)


def response_time(port: int) -> ResponseTimeProbe:
    return ResponseTimeProbe(f"http://127.0.0.1:{port}/metrics", SHORT, Limits(5, 10))


METRIC = b"# TYPE x gauge\nclaude_memory_avg_response_time_seconds %s\n"
BROKEN = "503 Service Unavailable"


@pytest.mark.parametrize(
    ("make", "peer", "state", "message"),
    [
        pytest.param(plain, http(b"x"), OK, "HTTP status 200", id="http up"),
        pytest.param(plain, http(b"x", "500 Oops"), CRITICAL, "HTTP status 500", id="http error"),
        pytest.param(plain, http(b"x", "302 Found"), CRITICAL, "HTTP status 302", id="http redirect"),
        pytest.param(plain, garbage, CRITICAL, "not HTTP", id="http garbage"),
        pytest.param(plain, hanging_up, CRITICAL, "", id="http hangs up"),
        pytest.param(hasty, silent, UNKNOWN, "no answer within 0.2 s", id="http silent"),
        pytest.param(hasty, dripping, UNKNOWN, "no answer within 0.2 s", id="http drips"),
        pytest.param(strict, http(b"x"), CRITICAL, "HTTP status 200", id="http slower than its limit"),
        pytest.param(field, http(health("ok")), OK, "status is ok", id="field ok"),
        pytest.param(
            field,
            http(health("degraded", qdrant="down", postgresql="ok"), BROKEN),
            WARNING,
            "status is degraded because of qdrant",
            id="field degraded",
        ),
        pytest.param(field, http(health("dead")), CRITICAL, "status is dead", id="field bad"),
        pytest.param(field, http(b"[]"), CRITICAL, "status is None", id="field missing"),
        pytest.param(field, http(b"<html>"), CRITICAL, "body is not JSON", id="field in no JSON"),
        pytest.param(field, http(health("ok"), BROKEN), CRITICAL, "status is ok", id="field ok but status 503"),
        pytest.param(tcp, silent, OK, "accepts connections", id="tcp up"),
        pytest.param(edge, http(health("ok", qdrant="ok")), OK, "Qdrant is ok: d", id="edge up"),
        pytest.param(edge, http(health("x", qdrant="down"), BROKEN), CRITICAL, "Qdrant is down: d", id="edge down"),
        pytest.param(edge, http(b"{}"), UNKNOWN, "says nothing about Qdrant", id="edge not told"),
        pytest.param(edge, http(b"x"), UNKNOWN, "not JSON", id="edge garbage"),
        pytest.param(edge, silent, UNKNOWN, "cannot be asked", id="edge silent"),
        pytest.param(response_time, http(METRIC % b"0.5"), OK, "on average 500 ms", id="average"),
        pytest.param(response_time, http(METRIC % b"7"), WARNING, "on average 7000 ms", id="slow average"),
        pytest.param(response_time, http(METRIC % b"1e2"), CRITICAL, "on average", id="very slow average"),
        pytest.param(response_time, http(METRIC % b"NaN"), OK, "a GET took", id="no requests yet"),
        pytest.param(response_time, http(b"nothing"), OK, "a GET took", id="no such metric"),
        pytest.param(response_time, http(b"", BROKEN), UNKNOWN, "HTTP status 503", id="response time of an error"),
        pytest.param(response_time, silent, UNKNOWN, "no answer", id="response time of silence"),
    ],
)
async def test_a_peer_that_listens(make: Callable[[int], Any], peer: Handler, state: CheckState, message: str) -> None:
    with serving(peer) as port:
        seen = await make(port).observe()
    assert (seen.state, message in seen.message) == (state, True), seen


@pytest.mark.parametrize(
    ("make", "state"),
    [
        pytest.param(plain, CRITICAL, id="http"),
        pytest.param(tcp, CRITICAL, id="tcp"),
        pytest.param(edge, UNKNOWN, id="edge"),
        pytest.param(response_time, UNKNOWN, id="response time"),
    ],
)
async def test_a_peer_that_does_not_listen(make: Callable[[int], Any], state: CheckState, refused_port: int) -> None:
    seen = await make(refused_port).observe()
    assert (seen.state, "connection refused" in seen.message) == (state, True), seen


async def test_silence_is_marked_as_such() -> None:
    with serving(silent) as port:
        assert (await hasty(port).observe()).timed_out


async def test_a_name_that_does_not_exist() -> None:
    seen = await HttpProbe("http://no-such-host.invalid/", 10, Limits()).observe()
    assert (seen.state, "does not resolve" in seen.message) == (CRITICAL, True), seen


async def test_a_cancelled_request_closes_its_connection() -> None:
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def until_closed(connection: Any) -> None:
        silent(connection)
        loop.call_soon_threadsafe(closed.set)

    with serving(until_closed) as port:
        probe = HttpProbe(f"http://127.0.0.1:{port}/", 60, Limits())
        assert (await observe_within(probe, SHORT)).timed_out
        async with asyncio.timeout(30):
            await closed.wait()


@pytest.mark.parametrize("text", ["nonsense", "host:", ":80", "host:0", "host:70000", "host:x"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageProblem):
        split_address(text)


def test_an_ipv6_address() -> None:
    assert split_address("[::1]:80") == ("::1", 80)
