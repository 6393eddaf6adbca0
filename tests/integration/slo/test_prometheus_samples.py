"""Samples from a real Prometheus, and from servers that misbehave."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controlplane.adapters import prometheus_samples
from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.slo.ports import Answer, QueryFailed
from tests.support.prometheus import PrometheusServer, SampleSeries

START = 1_700_000_000_000
STEP = 15_000
COUNT = 4000
END = START + COUNT * STEP
NAMES = [f"i{number:02}" for number in range(20)]


def _series(name: str) -> SampleSeries:
    return SampleSeries({"__name__": "up", "instance": name}, [(START + i * STEP, float(i)) for i in range(COUNT)])


@pytest.fixture(scope="module")
def server() -> Iterator[PrometheusServer]:
    """Prometheus that refuses to load more than 20,000 samples at once."""
    server = PrometheusServer(["--query.max-samples=20000"])
    try:
        server.load(_series(name) for name in NAMES)
        server.start()
        yield server
    finally:
        server.remove()


async def _samples(url: str, selector: str, start: int, end: int) -> Answer:
    async with PrometheusSamples(url) as source:
        return await source.samples(selector, start, end)


async def test_raw_samples_are_exact_and_the_left_edge_is_open(server: PrometheusServer) -> None:
    (series,) = (await _samples(server.url, 'up{instance="i00"}', START + STEP, START + 4 * STEP)).series
    assert series.timestamps.tolist() == [START + 2 * STEP, START + 3 * STEP, START + 4 * STEP]
    assert series.values.tolist() == [2, 3, 4]


async def test_a_query_over_the_sample_limit_is_asked_in_pieces(server: PrometheusServer) -> None:
    answer = await _samples(server.url, "up", START - 1, END)
    assert sorted(one.labels["instance"] for one in answer.series) == NAMES
    for series in answer.series:
        assert series.values.tolist() == [float(i) for i in range(COUNT)]


async def test_an_answer_too_large_to_hold_is_asked_in_pieces(
    server: PrometheusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus_samples, "MAX_BODY_BYTES", 20_000)
    (series,) = (await _samples(server.url, 'up{instance="i01"}', START - 1, END)).series
    assert series.values.tolist() == [float(i) for i in range(COUNT)]


async def test_values_at_more_steps_than_prometheus_allows(server: PrometheusServer) -> None:
    async with PrometheusSamples(server.url) as source:
        (series,) = (await source.values('count(up{instance="i00"})', START, END - STEP, 3000)).series
    assert series.timestamps.tolist() == list(range(START, END - STEP + 1, 3000))
    assert set(series.values.tolist()) == {1}


@pytest.mark.parametrize(
    ("query", "words"), [("sum(", "bad_data"), ('"text"', "bad_data"), ("no_such_function(up)", "bad_data")]
)
async def test_a_query_that_is_none(server: PrometheusServer, query: str, words: str) -> None:
    async with PrometheusSamples(server.url) as source:
        with pytest.raises(QueryFailed, match=words):
            await source.values(query, START, END, STEP)


async def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(DependencyUnreachable, match=url):
            await _samples(url, "up", START, END)


Reply = tuple[int, bytes]
NO_SERIES = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'


@pytest.fixture
def misbehaving() -> Iterator[Callable[[list[Reply]], str]]:
    """Start a server that gives these replies in turn, the last one for ever; status 0 hangs up."""
    servers: list[ThreadingHTTPServer] = []

    def start(replies: list[Reply]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status, body = replies.pop(0) if len(replies) > 1 else replies[0]
                if status:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the test says what it sees."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("case", "replies"),
    [
        ("overloaded for a moment", [(503, b"busy"), (200, NO_SERIES)]),
        ("restarting", [(0, b""), (200, NO_SERIES)]),
        ("a proxy in between", [(502, b"<html>"), (504, b""), (200, NO_SERIES)]),
    ],
)
async def test_passing_failures_are_tried_again(
    misbehaving: Callable[[list[Reply]], str], case: str, replies: list[Reply]
) -> None:
    async with PrometheusSamples(misbehaving(replies), retry_delays_seconds=(0, 0, 0)) as source:
        assert (await source.samples("up", START, END)).series == [], case


async def test_warnings_come_with_the_answer(misbehaving: Callable[[list[Reply]], str]) -> None:
    reply = NO_SERIES[:-1] + b',"warnings":["remote read failed"],"infos":["counted as a gauge"]}'
    async with PrometheusSamples(misbehaving([(200, reply)])) as source:
        answer = await source.samples("up", START, END)
    assert (answer.series, "remote read failed" in answer.warnings) == ([], True)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ((503, b"still busy"), QueryFailed, "503: still busy"),
        ((0, b""), DependencyUnreachable, "does not answer"),
        ((200, b"<html>login</html>"), QueryFailed, "not JSON"),
        ((422, b'{"status":"error","errorType":"execution","error":"duplicate"}'), QueryFailed, "execution: duplicate"),
        ((404, b"404 page not found"), QueryFailed, "not JSON"),
    ],
)
async def test_lasting_failures_are_told(
    misbehaving: Callable[[list[Reply]], str], reply: Reply, error: type[CmctlError], words: str
) -> None:
    async with PrometheusSamples(misbehaving([reply]), retry_delays_seconds=(0, 0)) as source:
        with pytest.raises(error, match=words):
            await source.samples("up", START, END)


async def test_a_server_that_never_answers_is_left_alone_in_time() -> None:
    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with PrometheusSamples(url, timeout_seconds=0.2, retry_delays_seconds=()) as source:
        with pytest.raises(QueryFailed, match=r"within 0\.2 s"):
            await source.samples("up", START, END)
    await hung_up.wait()
    server.close()
    await server.wait_closed()
