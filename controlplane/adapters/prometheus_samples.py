"""Samples from Prometheus's HTTP API, in pieces so small that neither its limits nor our memory are reached."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import aiohttp
import numpy as np

from controlplane.adapters.prometheus_json import parse_matrix
from controlplane.domain.guard import is_loopback
from controlplane.domain.slo.grid import Series
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.slo.ports import Answer, QueryFailed

logger = logging.getLogger(__name__)

# Prometheus refuses range queries of more than 11,000 points a series.
MAX_POINTS = 10_000
MAX_BODY_BYTES = 8 * 1024 * 1024
_READ_BYTES = 256 * 1024
_SHORTEST_PIECE_MS = 60_000
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_TOO_MUCH = 422
_FIRST_CONTACT_RETRIES = 2
_NOBODY_THERE = (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, aiohttp.ConnectionTimeoutError)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Fetch = Callable[[int, int], Awaitable[Answer]]


class _TooLarge(Exception):
    """The piece asked for is more than we or Prometheus want to hold."""


class _Passing(QueryFailed):
    """A failure that may be over in a moment."""


class PrometheusSamples:
    """A SampleSource. Use it as an async context manager.

    ``retry_delays_seconds`` are the pauses before a query that failed for a
    passing reason is tried again; all of them are used only once the server has
    answered before, so that a restart is waited for and a dead server is not.
    """

    def __init__(
        self,
        url: str,
        timeout_seconds: float = 30.0,
        concurrency: int = 4,
        retry_delays_seconds: tuple[float, ...] = (0.2, 1.0, 2.0, 4.0, 8.0),
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=min(5.0, timeout_seconds))
        self._timeout_seconds = timeout_seconds
        self._has_answered = False
        self._slots = asyncio.Semaphore(concurrency)
        self._retry_delays = retry_delays_seconds
        self._session: aiohttp.ClientSession | None = None
        self._piece_ms: dict[str, int] = {}

    async def __aenter__(self) -> "PrometheusSamples":
        self._session = aiohttp.ClientSession(timeout=self._timeout, headers=headers_for(self._url))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        """Raw samples of a selector in (start, end]."""

        async def piece(first: int, last: int) -> Answer:
            # One millisecond less: Prometheus 2 includes the left edge of a range, Prometheus 3 does not.
            expression = f"{selector}[{last - first}ms]"
            answer = await self._ask("/api/v1/query", {"query": expression, "time": _seconds(last)})
            return Answer([_after(one, first) for one in answer.series], answer.warnings)

        return await self._in_pieces(selector, start, end, end - start, piece)

    async def values(self, query: str, start: int, end: int, step: int) -> Answer:
        """Values of a query at start, start + step … not later than end."""

        async def piece(before: int, last: int) -> Answer:
            first = start + (before - start) // step * step + step
            if first > last:
                return Answer([])
            form = {"query": query, "start": _seconds(first), "end": _seconds(last), "step": f"{step}ms"}
            return await self._ask("/api/v1/query_range", form)

        return await self._in_pieces(query, start - step, end, MAX_POINTS * step, piece)

    async def _in_pieces(self, key: str, start: int, end: int, longest: int, fetch: Fetch) -> Answer:
        """Fetch (start, end] piece by piece, halving a piece that proves too large."""
        answers: list[Answer] = []
        position = start
        while position < end:
            length = min(self._piece_ms.get(key, longest), longest)
            piece_end = min(position + length, end)
            try:
                answers.append(await fetch(position, piece_end))
            except _TooLarge as error:
                if piece_end - position <= _SHORTEST_PIECE_MS:
                    raise QueryFailed(f"{key}: too many series: {error}") from error
                self._piece_ms[key] = (piece_end - position) // 2
                continue
            position = piece_end
        return _joined(answers)

    async def _ask(self, path: str, form: Mapping[str, str]) -> Answer:
        attempt = 0
        while True:
            try:
                async with self._slots:
                    body = await self._post(path, form)
                self._has_answered = True
                return parse_matrix(body)
            except (DependencyUnreachable, _Passing) as error:
                delays = self._retry_delays if self._has_answered else self._retry_delays[:_FIRST_CONTACT_RETRIES]
                if attempt >= len(delays):
                    raise
                logger.debug(
                    "query failed, trying again", extra={"action": "prometheus_query", "reason": error.message}
                )
                await asyncio.sleep(delays[attempt])
                attempt += 1

    async def _post(self, path: str, form: Mapping[str, str]) -> bytes:
        if self._session is None:
            raise RuntimeError("use PrometheusSamples as an async context manager")
        try:
            async with self._session.post(self._url + path, data=urlencode(form).encode()) as response:
                body = await _read(response.content)
                status = response.status
        except (aiohttp.ClientConnectionError, TimeoutError, aiohttp.ClientError) as error:
            raise self._explained(error) from error
        if status == _TOO_MUCH and b"too many samples" in body:
            raise _TooLarge("Prometheus would load too many samples")
        if status in _TRANSIENT:
            raise _Passing(f"Prometheus answered {status}: {body[:200].decode(errors='replace').strip()}")
        return body

    def _explained(self, error: Exception) -> CmctlError:
        if isinstance(
            error, aiohttp.ClientConnectorError | aiohttp.ServerDisconnectedError | aiohttp.ConnectionTimeoutError
        ):
            return DependencyUnreachable(
                f"Prometheus at {self._url} does not answer: {error}", hint="cmctl status shows whether it runs"
            )
        if isinstance(error, TimeoutError):
            return _Passing(f"Prometheus at {self._url} did not answer within {self._timeout_seconds:g} s")
        return _Passing(f"the connection to Prometheus at {self._url} broke: {error}")


def headers_for(url: str) -> dict[str, str]:
    """Headers of questions to a Prometheus.

    On this machine answers are not packed: three quarters of the work of an answer is packing it.
    """
    is_near = is_loopback(urlsplit(url).hostname or "")
    return {**_FORM, "Accept-Encoding": "identity"} if is_near else _FORM


async def _read(content: aiohttp.StreamReader) -> bytes:
    """The whole body. Raises _TooLarge as soon as it is longer than we want to hold."""
    body = bytearray()
    async for chunk in content.iter_chunked(_READ_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _TooLarge(f"an answer of more than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


def _after(series: Series, start: int) -> Series:
    """The series less samples at or before ``start``."""
    first = int(np.searchsorted(series.timestamps, start, side="right"))
    return Series(series.labels, series.timestamps[first:], series.values[first:]) if first else series


def _joined(answers: Sequence[Answer]) -> Answer:
    """Answers of consecutive pieces as one, each series once."""
    if len(answers) == 1:
        return answers[0]
    parts: dict[tuple[tuple[str, str], ...], list[Series]] = {}
    for one in (series for answer in answers for series in answer.series):
        parts.setdefault(tuple(sorted(one.labels.items())), []).append(one)
    series = [
        Series(
            members[0].labels,
            np.concatenate([one.timestamps for one in members]),
            np.concatenate([one.values for one in members]),
        )
        for members in parts.values()
    ]
    return Answer(series, tuple(dict.fromkeys(text for answer in answers for text in answer.warnings)))
