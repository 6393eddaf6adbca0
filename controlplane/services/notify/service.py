"""Telling people, as one part of the daemon: a planner, a dispatcher for each receiver, the canary."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from controlplane.domain.alert import Alert
from controlplane.domain.notification.delivery import Delivery
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.notify.bypass import Bypass
from controlplane.services.notify.canary import CanaryWatch
from controlplane.services.notify.dispatcher import Dispatcher
from controlplane.services.notify.escalation import Escalation
from controlplane.services.notify.planner import Planner
from controlplane.services.notify.ports import DeliveryFilter, Outbox

logger = logging.getLogger(__name__)

COUNT_SECONDS = 5.0


class Sender(Protocol):
    """The process that holds the channels."""

    async def warm_up(self) -> None:
        """Start before it is needed."""
        ...

    async def close(self) -> None:
        """End."""
        ...


class StoreWatch(Protocol):
    """Tells when the store can be used, and is not another daemon's."""

    async def wait_until_up(self) -> None:
        """Return once it answers and is ours."""
        ...


class Notifications:
    """Runs what tells people. Without receivers it only answers questions about deliveries."""

    def __init__(
        self,
        outbox: Outbox,
        planner: Planner | None,
        bypass: Bypass | None,
        escalation: Escalation,
        dispatchers: Sequence[Dispatcher],
        canary: CanaryWatch,
        sender: Sender,
        store: StoreWatch,
    ) -> None:
        self._outbox = outbox
        self._planner = planner
        self.bypass = bypass
        self.escalation = escalation
        escalation.on_new = self.something_to_send
        if planner is not None:
            planner.on_new = self.something_to_send
        self.dispatchers: Mapping[str, Dispatcher] = {one.receiver: one for one in dispatchers}
        self.canary = canary
        self._sender = sender
        self._store = store
        self.counts: Mapping[tuple[str, str], int] = {}

    def alerts_heard(self, alerts: Sequence[Alert]) -> None:
        """These changes of alerts are durable; the store will have them soon."""
        if self.bypass is not None:
            self.bypass.heard(alerts)

    def alerts_moved(self, is_all: bool) -> None:
        """The store has new alerts; all of them, or a part."""
        if self.bypass is not None and is_all:
            self.bypass.all_moved()
        if self._planner is not None:
            self._planner.wake()

    def something_to_send(self, receivers: frozenset[str]) -> None:
        """There are new messages for these receivers."""
        for receiver in receivers:
            if receiver in self.dispatchers:
                self.dispatchers[receiver].wake()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Plan and send for the length of a block."""
        tasks = [asyncio.create_task(self._run(), name="notifications")] if self._planner is not None else []
        if self.bypass is not None:
            tasks.append(asyncio.create_task(self.bypass.run(), name="bypass"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._sender.close()

    async def _run(self) -> None:
        """Wait for the store, take over what a dead daemon was sending, then start everything."""
        warming = asyncio.create_task(self._sender.warm_up())
        await self._take_over()
        running = [one.run() for one in self.dispatchers.values()]
        if self._planner is not None:
            running += [self._planner.run(), self.escalation.run()]
        tasks = [warming, *[asyncio.create_task(work) for work in [*running, self._count()]]]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_over(self) -> None:
        while True:
            await self._store.wait_until_up()
            try:
                repeats = await self._outbox.interrupted()
            except CmctlError:
                await asyncio.sleep(1)
                continue
            if repeats:
                logger.warning(
                    "Deliveries were interrupted and are sent again", extra={"action": "take_over", "count": repeats}
                )
            return

    async def _count(self) -> None:
        while True:
            with contextlib.suppress(CmctlError):
                self.counts = await self._outbox.counts()
            await asyncio.sleep(COUNT_SECONDS)

    # -- asked by people

    async def list_deliveries(self, wanted: DeliveryFilter) -> list[Delivery]:
        """The wanted deliveries, newest first. Raises DependencyUnreachable."""
        return await self._outbox.list_deliveries(wanted)

    async def redeliver(self, delivery_id: int) -> Delivery:
        """Send a dead or delivered one again. Raises UsageProblem when there is none such, DependencyUnreachable."""
        delivery = await self._outbox.redeliver(delivery_id, datetime.now(UTC))
        if delivery is None:
            raise UsageProblem(
                f"delivery {delivery_id} is neither dead nor delivered",
                hint="see cmctl alerts deliveries --status dead",
            )
        self.something_to_send(frozenset([delivery.receiver]))
        return delivery
