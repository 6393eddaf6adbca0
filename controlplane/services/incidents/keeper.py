"""Opens incidents as alerts arrive, lets alerts join them, and closes those that everybody has forgotten."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.errors import CmctlError
from controlplane.services.incidents.ports import Group, IncidentStore
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
# A storm of alerts is looked at in large parts, with rests that leave the processor to the alerts that come in.
PAUSE_SECONDS = 0.5
RESTS = 3
FIGURES_OVER = timedelta(days=30)
CONTROL_PLANE = "control plane"
FORGOTTEN = "its alerts have ended, and nobody closed it"


class Closer(Protocol):
    """Closes incidents together with their timelines."""

    async def close(self, number: str, author: str, reason: str, anyway: bool = False) -> object:
        """Close one. Raises CmctlError."""
        ...


class IncidentKeeper:
    """Looks whenever alerts have arrived in the store, and now and then anyway.

    All that it knows is in the store: whatever dies, the next look goes on where the last one was committed.
    """

    def __init__(
        self,
        store: IncidentStore,
        closer: Closer,
        default_profile: str,
        join_window: timedelta,
        close_after: timedelta,
        clock: Clock,
    ) -> None:
        self._store = store
        self._closer = closer
        self._default_profile = default_profile
        self._join_window = join_window
        self._close_after = close_after
        self._clock = clock
        self._wake = asyncio.Event()
        self.figures: Sequence[Group] = ()

    def wake(self) -> None:
        """There may be new alerts in the store."""
        self._wake.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            self._wake.clear()
            try:
                await self.look()
            except CmctlError as error:
                logger.debug("Incidents wait for the store", extra={"action": "look", "problem": error.message})
            except Exception:
                logger.exception("Looking for incidents failed in a way nobody foresaw", extra={"action": "look"})
            await asyncio.sleep(PAUSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()

    async def look(self) -> None:
        """Place every alert that waits, and close what is forgotten. Raises DependencyUnreachable."""
        now = self._clock()
        is_all = False
        while not is_all:
            started = time.monotonic()
            placed = await self._store.look(now, self._default_profile, self._join_window)
            is_all, worked_seconds = placed.is_all, time.monotonic() - started
            for number in placed.opened:
                logger.warning("An incident was opened", extra={"action": "open_incident", "incident": number})
            for number in placed.reopened:
                logger.warning(
                    "An incident is open again: an alert of it fires again",
                    extra={"action": "reopen_incident", "incident": number},
                )
            if not is_all:
                await asyncio.sleep(RESTS * worked_seconds)
        await self._close_forgotten(now)
        self.figures = await self._store.figures(now - FIGURES_OVER)

    async def _close_forgotten(self, now: datetime) -> None:
        for number in await self._store.to_close(now - self._close_after):
            await self._closer.close(number, CONTROL_PLANE, FORGOTTEN)
            logger.info("A forgotten incident was closed", extra={"action": "close_incident", "incident": number})
