"""A small HTTP client for reading from our own components and checked targets.

The standard library's client in a thread: it costs the command line 10 ms to
import where aiohttp costs 200. No proxies, no redirects: a check wants the
answer of its target and of nobody else.
"""

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from controlplane.adapters.threads import in_thread
from controlplane.errors import CmctlError, DependencyUnreachable, UsageProblem

MAX_BODY_BYTES = 16 * 1024 * 1024


class TimedOut(DependencyUnreachable):
    """The peer did not answer in time; whether it is well is not known."""


@dataclass(frozen=True)
class Request:
    """One request. ``url`` is http or https."""

    url: str
    method: str = "GET"
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """One answer. ``body`` is cut at MAX_BODY_BYTES."""

    status: int
    body: bytes
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


async def send(request: Request, timeout_seconds: float) -> Response:
    """Send a request and read the answer.

    Raises TimedOut, DependencyUnreachable (refused, broken off, not HTTP) and
    UsageProblem for a URL that is none. Cancellation closes the connection.
    """
    connection, path = _connection(request.url, timeout_seconds)
    shown = request.url.partition("?")[0]
    try:
        async with asyncio.timeout(timeout_seconds):
            return await in_thread(lambda: _exchange(connection, path, request), "http request")
    except TimeoutError as error:
        raise TimedOut(f"{shown}: no answer within {timeout_seconds:g} s") from error
    except http.client.HTTPException as error:
        raise DependencyUnreachable(f"{shown}: the answer is not HTTP ({type(error).__name__})") from error
    except OSError as error:
        raise DependencyUnreachable(f"{shown}: {describe(error)}") from error
    finally:
        _abort(connection)


async def get_json(url: str, timeout_seconds: float, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON document at ``url``. Raises what ``send`` raises, and CmctlError for anything but 2xx with JSON."""
    response = await send(Request(url, headers=headers or {}), timeout_seconds)
    if not response.is_success:
        raise CmctlError(f"{url}: HTTP status {response.status}")
    try:
        return response.json()
    except ValueError as error:
        raise CmctlError(f"{url}: the answer is not JSON") from error


def describe(error: OSError) -> str:
    """An operating system error as a few lower-case words."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "the host name does not resolve"
    return (error.strerror or str(error) or type(error).__name__).lower()


def split_url(url: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path of an http or https URL. Raises UsageProblem."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageProblem(f"{url!r} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageProblem(f"{url!r} is not an http or https URL")
    return parts.scheme, parts.hostname, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _connection(url: str, timeout_seconds: float) -> tuple[http.client.HTTPConnection, str]:
    scheme, host, port, path = split_url(url)
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    # A little longer than the caller waits: the caller decides, this only ends a thread that was left behind.
    return kind(host, port, timeout=timeout_seconds + 1), path


def _exchange(connection: http.client.HTTPConnection, path: str, request: Request) -> Response:
    started = time.perf_counter()
    headers = {"Connection": "close", "User-Agent": "cmctl", **request.headers}
    connection.request(request.method, path, body=request.body, headers=headers)
    answer = connection.getresponse()
    body = answer.read(MAX_BODY_BYTES)
    answer.close()
    answer_headers = {name.lower(): value for name, value in answer.getheaders()}
    return Response(answer.status, body, time.perf_counter() - started, answer_headers)


def _abort(connection: http.client.HTTPConnection) -> None:
    """Wake up a thread that still waits on the connection, then close it."""
    held = connection.sock
    if held is not None:
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)
    connection.close()
