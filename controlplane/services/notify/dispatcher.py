"""Sending the recorded messages of one receiver: within its budget, one after another, each with its outcome."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.domain.notification.backoff import is_given_up, retry_after
from controlplane.domain.notification.budget import WINDOW, allow
from controlplane.domain.notification.delivery import Delivery, DeliveryOutcome, NewDelivery
from controlplane.errors import CmctlError
from controlplane.services.notify.ports import Channel, Outbox
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
LOOK_SECONDS = 30.0
RETRY_SECONDS = 1.0
REPEAT_NOTE = "(possible repeat: an earlier attempt may have arrived / 可能重复)\n"


@dataclass
class DeliveryCounters:
    """How one receiver's deliveries went since the daemon started; the metrics page reads it."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    folded: int = 0
    last_success: datetime | None = None
    last_error: str | None = None
    handover_seconds_sum: float = 0.0
    handover_count: int = 0


class Dispatcher:
    """Sends what the outbox holds for one receiver.

    One message is in flight at a time, so that a crash between sending and
    recording repeats at most that one.
    """

    def __init__(
        self,
        receiver: str,
        channel: Channel,
        outbox: Outbox,
        digest: Callable[[str, Sequence[Delivery]], NewDelivery],
        per_minute: int,
        max_attempts: int,
        now: Clock = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.receiver = receiver
        self._channel = channel
        self._outbox = outbox
        self._digest = digest
        self._per_minute = per_minute
        self._max_attempts = max_attempts
        self._now = now
        self._chance = chance
        self._wake = asyncio.Event()
        self.counters = DeliveryCounters()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Send for ever: when woken, when something is due, and now and then anyway."""
        while True:
            self._wake.clear()
            pause = RETRY_SECONDS
            try:
                pause = await self._send_all()
            except CmctlError:
                pass  # the store is away; the mover says so
            except Exception:
                extra = {"action": "deliver", "receiver": self.receiver}
                logger.exception("Sending messages failed in a way nobody foresaw", extra=extra)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _send_all(self) -> float:
        """Send what is due and fits into the budget; returns seconds until more may go."""
        while waiting := await self._outbox.waiting(self.receiver, self._now(), MAX_WAITING):
            now = self._now()
            sent = await self._outbox.sent_times(self.receiver, now - WINDOW)
            allowance = allow(len(waiting), sent, now, self._per_minute)
            if allowance.wait_until is not None:
                return max(0.05, (allowance.wait_until - now).total_seconds())
            for delivery in waiting[: allowance.single]:
                await self._deliver(delivery.id)
            if allowance.folds_rest:
                await self._fold(waiting[allowance.single :])
        due_at = await self._outbox.next_waiting(self.receiver)
        if due_at is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.05, (due_at - self._now()).total_seconds()))

    async def _fold(self, members: Sequence[Delivery]) -> None:
        digest = await self._outbox.fold(self._digest(self.receiver, members), [member.id for member in members])
        self.counters.folded += len(members)
        await self._deliver(digest.id)

    async def _deliver(self, delivery_id: int) -> None:
        delivery = await self._outbox.begin(delivery_id, self._now())
        if delivery is None:
            return
        if delivery.attempts == 1:
            self.counters.handover_seconds_sum += max(0.0, (self._now() - delivery.heard_at).total_seconds())
            self.counters.handover_count += 1
        body = REPEAT_NOTE + delivery.body if delivery.is_possible_repeat else delivery.body
        outcome = await self._channel.send(delivery.title, body)
        await self._until_recorded(lambda: self._record(delivery, outcome))

    async def _record(self, delivery: Delivery, outcome: DeliveryOutcome) -> None:
        now = self._now()
        if outcome.succeeded:
            await self._outbox.delivered(delivery.id, now, outcome.detail)
            self.counters.delivered += 1
            self.counters.last_success, self.counters.last_error = now, None
            return
        gives_up = is_given_up(delivery.attempts, self._max_attempts, outcome.can_retry)
        retry_at = None if gives_up else now + retry_after(delivery.attempts, self._chance())
        await self._outbox.failed(delivery.id, now, outcome, retry_at)
        self.counters.failed += 1
        self.counters.dead += gives_up
        self.counters.last_error = outcome.detail
        logger.log(
            logging.ERROR if gives_up else logging.WARNING,
            "A delivery failed and was given up" if gives_up else "A delivery failed and will be tried again",
            extra={
                "action": "deliver",
                "delivery": delivery.id,
                "receiver": self.receiver,
                "attempt": delivery.attempts,
                "problem": outcome.detail,
            },
        )

    async def _until_recorded(self, record: Callable[[], Awaitable[None]]) -> None:
        """What became of a message is known only here until the store has it: wait for the store."""
        while True:
            try:
                await record()
            except CmctlError:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
