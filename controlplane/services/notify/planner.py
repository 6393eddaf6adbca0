"""Turning changes of alerts into recorded messages, as soon as they are in the store."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from controlplane.domain.notification.cooldown import Told
from controlplane.domain.notification.delivery import Change
from controlplane.domain.notification.plan import Knowledge, Policy, TellKey, plan
from controlplane.errors import CmctlError
from controlplane.services.notify.bypass import Bypass
from controlplane.services.notify.canary import CanaryWatch
from controlplane.services.notify.messages import Messages
from controlplane.services.notify.ports import Outbox, Written
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

BATCH = 1000
DIRECT = "told directly while PostgreSQL was away"
RETRY_SECONDS = 1.0
LOOK_SECONDS = 5.0


class Planner:
    """Takes noted changes from the store and records messages; ``on_new`` is called with the receivers of new ones."""

    def __init__(
        self,
        outbox: Outbox,
        messages: Messages,
        policy: Policy,
        canary: CanaryWatch,
        bypass: Bypass,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._outbox = outbox
        self._messages = messages
        self._policy = policy
        self._canary = canary
        self._bypass = bypass
        self._now = now
        self._wake = asyncio.Event()
        self.last_error: str | None = None
        self.on_new: Callable[[frozenset[str]], None] = lambda receivers: None

    def wake(self) -> None:
        """There may be new changes."""
        self._wake.set()

    async def run(self) -> None:
        """Plan for ever: when woken, when a held change is due, and now and then anyway."""
        while True:
            self._wake.clear()
            pause = RETRY_SECONDS
            try:
                pause = await self._plan_all()
                self.last_error = None
            except CmctlError as error:
                if self.last_error is None:
                    logger.warning(
                        "Messages cannot be planned for now",
                        extra={"action": "plan_messages", "problem": error.message},
                    )
                self.last_error = error.message
            except Exception:
                logger.exception("Planning messages failed in a way nobody foresaw", extra={"action": "plan_messages"})
                self.last_error = "a fault; the log has the details"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _plan_all(self) -> float:
        """Plan until nothing is left; returns seconds until something is due."""
        await self._import_told()
        while True:
            now = self._now()
            result = await self._outbox.plan(BATCH, now, partial(self._decide, now))
            if result.receivers:
                self.on_new(result.receivers)
            if result.changes == 0:
                break
        due_at = await self._outbox.next_due()
        if due_at is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.05, (due_at - self._now()).total_seconds()))

    async def _import_told(self) -> None:
        """Take over what was told beside the outbox, before anything is planned from the same alerts."""
        told = await self._bypass.told()
        if not told:
            return
        knows = {
            (entry.delivery.receiver, fingerprint): Knowledge(
                entry.delivery.receiver, fingerprint, Told("firing", start, entry.at), None
            )
            for entry in told
            for fingerprint, start in entry.alerts
        }
        receipts = [(entry.delivery, entry.at, f"{DIRECT}: {entry.detail}") for entry in told]
        await self._outbox.import_told(receipts, list(knows.values()))
        self._bypass.forget_told()

    def _decide(self, now: datetime, changes: Sequence[Change], told: Mapping[TellKey, Told]) -> Written:
        canaries = [change.alert for change in changes if self._canary.is_canary(change.alert)]
        others = [change for change in changes if not self._canary.is_canary(change.alert)]
        decided = plan(others, told, self._policy, now)
        deliveries = [self._messages.of_bundle(bundle) for bundle in decided.bundles]
        return Written([*deliveries, *self._canary.deliveries(canaries, now)], decided.knowledge)
