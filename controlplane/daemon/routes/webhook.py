"""POST /webhook: Alertmanager's notifications, and the runbook's one-line test."""

import asyncio

from aiohttp import web

from controlplane.daemon.context import DAEMON
from controlplane.daemon.json import answer
from controlplane.daemon.routing import PROBLEM, Route, ref
from controlplane.domain.payload_text import PayloadProblem
from controlplane.services.ports import StorageFull

BODY_SECONDS = 20
MAX_BODIES_BYTES = 64 * 1024 * 1024
SMALL_BODY_BYTES = 64 * 1024
KEPT_BYTES = 64 * 1024


class BodyTooLarge(Exception):
    """A body above the limit, with what came of it first."""

    def __init__(self, head: bytes, size: int) -> None:
        super().__init__(size)
        self.head = head[:KEPT_BYTES]
        self.size = size


class BodyReader:
    """Reads request bodies within a total of memory, so that many large ones at once cannot exhaust it."""

    def __init__(self, max_body_bytes: int, max_total_bytes: int = MAX_BODIES_BYTES) -> None:
        self._max_body_bytes = max_body_bytes
        self._max_total_bytes = max(max_total_bytes, max_body_bytes)
        self._reserved = 0

    async def read(self, request: web.Request) -> bytes:
        """The whole body.

        Raises BodyTooLarge above the limit, StorageFull when too many bodies
        come in at once, PayloadProblem when it comes too slowly.
        """
        if request.content.is_eof():  # it came with the head: nothing to wait for
            return self._within_limit(request.content.read_nowait())
        length = request.content_length
        if length is not None and length > self._max_body_bytes:
            raise BodyTooLarge(request.content.read_nowait(), length)
        is_small = length is not None and length <= SMALL_BODY_BYTES and "Content-Encoding" not in request.headers
        reserve = SMALL_BODY_BYTES if is_small else self._max_body_bytes
        if self._reserved + reserve > self._max_total_bytes:
            raise StorageFull("too many large payloads at once", hint="try again in a moment")
        self._reserved += reserve
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read_all(request)
        except TimeoutError as error:
            raise PayloadProblem("body", f"did not arrive within {BODY_SECONDS} s") from error
        finally:
            self._reserved -= reserve

    async def _read_all(self, request: web.Request) -> bytes:
        body = bytearray()
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > self._max_body_bytes:
                break
        return self._within_limit(bytes(body))

    def _within_limit(self, body: bytes) -> bytes:
        if len(body) > self._max_body_bytes:
            raise BodyTooLarge(body, len(body))
        return body


BODIES = web.AppKey("bodies", BodyReader)


async def take(request: web.Request) -> web.Response:
    """Accept alerts: 200 once they are on disk. A standby leaves them to the active daemon: 503, try again."""
    request.app[DAEMON].standby.refuse_on_standby()
    ingest = request.app[DAEMON].ingest
    try:
        body = await request.app[BODIES].read(request)
    except BodyTooLarge as error:
        ingest.refuse(error.head, "larger than webhook.max_body_bytes", error.size)
        raise web.HTTPRequestEntityTooLarge(max_size=0, actual_size=error.size) from error
    return answer(await ingest.accept(body))


ROUTES = [
    Route(
        "POST",
        "/webhook",
        take,
        "Take alerts in Alertmanager's webhook format, version 4. They are on disk when the answer comes.",
        {
            200: ("The alerts are durable.", ref("Receipt")),
            400: ("The payload can never succeed; `field` names where.", PROBLEM),
            413: ("The body is too large.", PROBLEM),
            503: (
                "Not now: too much at once, a full journal disk, or another daemon is active. Try again.",
                PROBLEM,
            ),
        },
        body=ref("WebhookMessage"),
    )
]
