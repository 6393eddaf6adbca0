"""The daemon's end of the sender process: started when needed, watched, and started again when it dies."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from controlplane.config.notifications import SecretReference
from controlplane.domain.notification.delivery import DeliveryOutcome
from controlplane.domain.notification.hostile import harmless, redact
from controlplane.errors import CmctlError

logger = logging.getLogger(__name__)

START_SECONDS = 30.0
MAX_LINE_BYTES = 1024 * 1024
MAX_OVERDUE = 16
MAX_DETAIL_CHARACTERS = 500
SHORTEST_SECRET = 6

Command = tuple[str, ...]
SENDER: Command = (sys.executable, "-m", "controlplane.adapters.notifiers.sender")


class SenderProcess:
    """Hands requests to the sender and gives each its answer. Use from one event loop."""

    def __init__(self, command: Command = SENDER) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = count(1)
        self._starting = asyncio.Lock()
        self._overdue = 0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def warm_up(self) -> None:
        """Start it before it is needed: loading every channel takes a second or two. A failure is logged."""
        try:
            await self._ensure_running()
        except (OSError, CmctlError) as error:
            logger.error("The sender cannot be started", extra={"action": "start_sender", "problem": str(error)})

    async def send(self, request: dict[str, Any], timeout_seconds: float) -> DeliveryOutcome:
        """Hand a message over and wait for what becomes of it."""
        try:
            process = await self._ensure_running()
        except (OSError, CmctlError) as error:
            return DeliveryOutcome(False, f"the sender cannot be started: {error}")
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(timeout_seconds):
                assert process.stdin is not None  # noqa: S101 - it was started with a pipe
                process.stdin.write(json.dumps({**request, "id": number}).encode() + b"\n")
                await process.stdin.drain()
                fields = await answer
        except TimeoutError:
            self._note_overdue()
            return DeliveryOutcome(False, f"no outcome within {timeout_seconds:g} s", is_uncertain=True)
        except (OSError, _SenderDied):
            return DeliveryOutcome(False, "the sender died while it was sending", is_uncertain=True)
        finally:
            self._waiting.pop(number, None)
        return DeliveryOutcome(bool(fields["succeeded"]), str(fields["detail"]), bool(fields["can_retry"]))

    def _note_overdue(self) -> None:
        """Threads that hang stay in the sender; before there are many, it is replaced while nothing else waits."""
        self._overdue += 1
        if self._overdue >= MAX_OVERDUE and len(self._waiting) <= 1:
            logger.warning("The sender has many calls that hang; it is replaced", extra={"action": "replace_sender"})
            self._kill()

    async def _ensure_running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                await self._start()
            if self._ready is None or self._process is None:
                raise CmctlError("the sender ended at once")
            try:
                async with asyncio.timeout(START_SECONDS):
                    await asyncio.shield(self._ready)
            except (TimeoutError, _SenderDied) as error:
                self._kill()
                raise CmctlError("the sender did not start; its messages are in the daemon's log") from error
            return self._process

    async def _start(self) -> None:
        self._overdue = 0
        self._ready = asyncio.get_running_loop().create_future()
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        self._reader = asyncio.create_task(self._read(self._process, self._ready), name="sender")

    async def _read(self, process: asyncio.subprocess.Process, ready: "asyncio.Future[None]") -> None:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        try:
            while line := await process.stdout.readline():
                fields = json.loads(line)
                if fields["id"] == 0 and not ready.done():
                    ready.set_result(None)
                answer = self._waiting.get(fields["id"])
                if answer is not None and not answer.done():
                    answer.set_result(fields)
        except ValueError as error:
            logger.error("The sender answers nonsense", extra={"action": "read_sender", "problem": str(error)[:200]})
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if not ready.done():
                ready.set_exception(_SenderDied())
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(_SenderDied())
            if ready.done() and not ready.cancelled():
                ready.exception()  # seen: nobody may be waiting for it

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)

    async def close(self) -> None:
        """End it."""
        self._kill()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)


class _SenderDied(Exception):
    """The sender ended before it answered."""


class SenderChannel:
    """Implements Channel: one URL through the sender. The URL is read for each message, and hidden in what comes back.

    ``kind`` is "notify" for Apprise, "ping" for a plain POST.
    """

    def __init__(
        self,
        sender: SenderProcess,
        reference: SecretReference,
        resolve: Callable[[SecretReference], str],
        timeout_seconds: float,
        kind: str = "notify",
    ) -> None:
        self._sender = sender
        self._reference = reference
        self._resolve = resolve
        self._timeout_seconds = timeout_seconds
        self._kind = kind

    async def send(self, title: str, body: str) -> DeliveryOutcome:
        """Hand a message over."""
        try:
            url = self._resolve(self._reference)
        except CmctlError as error:
            return DeliveryOutcome(False, error.message)
        request = {"kind": self._kind, "url": url, "title": title, "body": body}
        outcome = await self._sender.send(request, self._timeout_seconds)
        detail = harmless(redact(outcome.detail, secrets_of(url)), MAX_DETAIL_CHARACTERS)
        return DeliveryOutcome(outcome.succeeded, detail, outcome.can_retry, outcome.is_uncertain)


def secrets_of(url: str) -> list[str]:
    """What of a channel's URL must not be shown: itself, and every part that may be a token, longest first."""
    parts = urlsplit(url)
    pieces = [url, *parts.netloc.rpartition("@")[0].split(":"), *parts.path.split("/")]
    pieces += [value for _, value in parse_qsl(parts.query)]
    if parts.scheme not in ("http", "https", "json", "jsons", "mailto", "mailtos", "form", "forms", "xml", "xmls"):
        pieces.append(parts.netloc.rpartition("@")[2])  # many channels spell a token where others have a host
    found = {text for piece in pieces for text in (piece, unquote(piece)) if len(text) >= SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)
