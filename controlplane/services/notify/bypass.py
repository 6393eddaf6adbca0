"""Telling people of urgent alerts while PostgreSQL, and with it the outbox, is away: the alert may be about PostgreSQL.

What is told this way is written to a file before it is sent and after, and
goes into the outbox when that is back, so that nobody is told twice.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from controlplane.domain.alert import Alert
from controlplane.domain.notification.backoff import retry_after
from controlplane.domain.notification.delivery import Change, DeliveryOutcome, NewDelivery
from controlplane.domain.notification.plan import Policy, plan
from controlplane.services.notify.messages import Messages
from controlplane.services.notify.ports import Channel
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

URGENT = frozenset({"P0", "P1"})
AWAY_SECONDS = 5.0
LOOK_SECONDS = 1.0
MAX_REMEMBERED = 1000


@dataclass(frozen=True)
class ToldDirectly:
    """One message that did not go through the outbox, and the alerts in it: fingerprint and start."""

    delivery: NewDelivery
    alerts: Sequence[tuple[str, datetime]]
    at: datetime
    is_delivered: bool
    detail: str


class DirectRecord(Protocol):
    """Where messages beside the outbox are recorded; a local file."""

    def add(self, told: ToldDirectly) -> None:
        """Write an entry and make it durable. Raises OSError."""
        ...

    def read(self) -> list[ToldDirectly]:
        """Every entry, oldest first. Raises OSError."""
        ...

    def clear(self) -> None:
        """Forget all: the outbox has them."""
        ...


class StoreState(Protocol):
    """Whether the store answers."""

    @property
    def is_up(self) -> bool:
        """Whether it answered last."""
        ...


class Bypass:
    """Remembers changes that are not in the store yet, and tells the urgent ones when the store stays away."""

    def __init__(
        self,
        store: StoreState,
        record: DirectRecord,
        messages: Messages,
        policy: Policy,
        channels: Mapping[str, Channel],
        now: Clock = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._record = record
        self._messages = messages
        self._policy = policy
        self._channels = channels
        self._now = now
        self._monotonic = monotonic
        self._unmoved: dict[str, Alert] = {}
        self._telling = asyncio.Lock()
        self._away_since: float | None = None
        self._retry_at: dict[str, float] = {}
        self._attempts: dict[str, int] = {}
        self.delivered = 0
        self.failed = 0

    def heard(self, alerts: Iterable[Alert]) -> None:
        """These changes are durable in the journal; the store does not have them yet."""
        for alert in alerts:
            if alert.priority in URGENT and (alert.fingerprint in self._unmoved or len(self._unmoved) < MAX_REMEMBERED):
                self._unmoved[alert.fingerprint] = alert

    def all_moved(self) -> None:
        """The store has everything."""
        self._unmoved.clear()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("Telling people directly failed", extra={"action": "tell_directly"})
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tell what is urgent if the store has been away long enough."""
        if self._store.is_up:
            self._away_since = None
            return
        at = self._monotonic()
        if self._away_since is None:
            self._away_since = at
        firing = [alert for alert in self._unmoved.values() if alert.state == "firing"]
        if at - self._away_since < AWAY_SECONDS or not firing:
            return
        told = {
            (entry.delivery.receiver, *alert)
            for entry in self._record.read()
            if entry.is_delivered
            for alert in entry.alerts
        }
        now = self._now()
        for bundle in plan([Change(alert, alert.received_at) for alert in firing], {}, self._policy, now).bundles:
            changes = [
                change
                for change in bundle.changes
                if (bundle.receiver, change.alert.fingerprint, change.alert.starts_at) not in told
            ]
            if changes and self._retry_at.get(bundle.receiver, at) <= at:
                async with self._telling:
                    await self._tell(bundle.receiver, changes, now)

    async def _tell(self, receiver: str, changes: Sequence[Change], now: datetime) -> None:
        delivery = self._messages.of_changes(receiver, changes)
        alerts = [(change.alert.fingerprint, change.alert.starts_at) for change in changes]
        self._record.add(ToldDirectly(delivery, alerts, now, False, "being sent"))
        outcome = await self._channels[receiver].send(delivery.title, delivery.body)
        self._record.add(ToldDirectly(delivery, alerts, now, outcome.succeeded, outcome.detail))
        self._note(receiver, outcome)

    def _note(self, receiver: str, outcome: DeliveryOutcome) -> None:
        if outcome.succeeded:
            self.delivered += 1
            self._attempts.pop(receiver, None)
            self._retry_at.pop(receiver, None)
            logger.warning(
                "People were told directly, since PostgreSQL is away",
                extra={"action": "tell_directly", "receiver": receiver},
            )
            return
        self.failed += 1
        attempts = self._attempts[receiver] = self._attempts.get(receiver, 0) + 1
        pause = retry_after(attempts, random.random()).total_seconds()  # noqa: S311 - spreads retries
        self._retry_at[receiver] = self._monotonic() + pause
        logger.error(
            "People could not be told directly",
            extra={"action": "tell_directly", "receiver": receiver, "problem": outcome.detail},
        )

    async def told(self) -> list[ToldDirectly]:
        """What arrived beside the outbox and is not in it yet; waits for a message that is on its way."""
        async with self._telling:
            return [entry for entry in self._record.read() if entry.is_delivered]

    def forget_told(self) -> None:
        """The outbox has it now."""
        self._record.clear()
