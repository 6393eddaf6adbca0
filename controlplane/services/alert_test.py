"""Sending a test alert the whole way and watching each hop: Alertmanager, webhook, journal, PostgreSQL."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from controlplane.errors import CmctlError

POLL_SECONDS = 0.5
TEST_ALERT = "CmctlTestAlert"
TEST_LABEL = "test_id"


class AlertSender(Protocol):
    """Somewhere a test alert can be handed in."""

    @property
    def hop(self) -> str:
        """What is tested by handing it in here."""
        ...

    async def send(self, alert: dict[str, Any]) -> None:
        """Hand an alert in, with Alertmanager's field names. Raises CmctlError."""
        ...


class AlertWatcher(Protocol):
    """The daemon's view of one test alert."""

    async def find(self, test_id: str) -> str | None:
        """The source that knows the alert (``postgresql`` or another), or None. Raises CmctlError."""
        ...


@dataclass(frozen=True)
class Hop:
    """One stage of the way: whether the alert passed it, when, and what was in the way."""

    hop: str
    passed: bool
    seconds: float
    detail: str


@dataclass(frozen=True)
class TestedAlert:
    """How far a test alert came."""

    test_id: str
    passed: bool
    hops: list[Hop]


class AlertTester:
    """Sends a test alert, waits until it is stored, and resolves it."""

    def __init__(self, sender: AlertSender, watcher: AlertWatcher, say: Callable[[str], None]) -> None:
        self._sender = sender
        self._watcher = watcher
        self._say = say

    async def run(self, test_id: str, timeout_seconds: float) -> TestedAlert:
        """Test every hop; the first that fails ends the test."""
        started = time.monotonic()
        alert = make_test_alert(test_id, datetime.now(UTC))
        stages: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            (self._sender.hop, lambda: self._send(alert)),
            ("webhook", lambda: self._wait(test_id, timeout_seconds, None)),
            ("postgresql", lambda: self._wait(test_id, timeout_seconds, "postgresql")),
        ]
        hops: list[Hop] = []
        for name, stage in stages:
            self._say(f"{name}: …")
            hop = await self._pass(name, stage, started)
            hops.append(hop)
            self._say(f"{name}: {'passed' if hop.passed else 'failed'} after {hop.seconds:.1f} s. {hop.detail}")
            if not hop.passed:
                break
        await self._resolve(alert)
        return TestedAlert(test_id, all(hop.passed for hop in hops), hops)

    async def _pass(self, name: str, stage: Callable[[], Awaitable[str]], started: float) -> Hop:
        try:
            detail, passed = await stage(), True
        except CmctlError as error:
            detail, passed = error.message, False
        return Hop(name, passed, round(time.monotonic() - started, 3), detail)

    async def _send(self, alert: dict[str, Any]) -> str:
        await self._sender.send(alert)
        return "The test alert was accepted."

    async def _wait(self, test_id: str, timeout_seconds: float, source: str | None) -> str:
        deadline = time.monotonic() + timeout_seconds
        while True:
            found = await self._watcher.find(test_id)
            if found is not None and source in (None, found):
                return f"The control plane has it (from {found})."
            if time.monotonic() >= deadline:
                seen = f"it is in {found} only" if found else "it did not arrive"
                raise CmctlError(f"within {timeout_seconds:g} s {seen}")
            await asyncio.sleep(POLL_SECONDS)

    async def _resolve(self, alert: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        try:
            await self._sender.send({**alert, "status": "resolved", "endsAt": now.isoformat()})
        except CmctlError as error:
            self._say(f"The test alert could not be resolved: {error.message}")


def make_test_alert(test_id: str, now: datetime) -> dict[str, Any]:
    """A harmless alert that only this test can mean; Alertmanager ends it by itself after ten minutes."""
    return {
        "status": "firing",
        "labels": {"alertname": TEST_ALERT, "severity": "info", "priority": "P3", TEST_LABEL: test_id},
        "annotations": {"summary": "A test alert, sent with cmctl alerts test. Nothing is wrong."},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=10)).isoformat(),
    }
