"""A small HTTP load generator on asyncio protocols: keep-alive connections that each post one body after another."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class LoadResult:
    """What a run of the generator saw. Latencies in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def per_second(self) -> float:
        """Answered requests a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Latency that this share of the requests did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection(asyncio.Protocol):
    """Posts, waits for the answer, posts again, until told to stop."""

    def __init__(self, next_body: Callable[[], bytes], head: bytes, result: LoadResult, deadline: float) -> None:
        self._next_body = next_body
        self._head = head
        self._result = result
        self._deadline = deadline
        self._buffer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        body = self._next_body()
        self._sent_at = time.perf_counter()
        self._transport.write(self._head % len(body) + body)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(rest) < _content_length(head):
            return
        self._buffer = b""
        now = time.perf_counter()
        self._result.latencies.append(now - self._sent_at)
        if not head.startswith(b"HTTP/1.1 2"):
            self._result.refused += 1
        if now >= self._deadline:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


def _content_length(head: bytes) -> int:
    _, _, tail = head.lower().partition(b"content-length:")
    return int(tail.split(b"\r\n", 1)[0])


async def post_load(
    host: str, port: int, path: str, next_body: Callable[[], bytes], connections: int, seconds: float
) -> LoadResult:
    """Post from several connections at once for some seconds."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    ).encode("ascii")
    result = LoadResult()
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    protocols = [
        (await loop.create_connection(lambda: _Connection(next_body, head, result, started + seconds), host, port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for protocol in protocols))
    result.seconds = time.perf_counter() - started
    return result
