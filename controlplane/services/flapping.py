"""Saying that an alert which flapped is calm again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from controlplane.errors import CmctlError
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


class FlappingStore(Protocol):
    """Alerts that flap. Every method raises DependencyUnreachable while the store does not answer."""

    async def end_calm(self, now: datetime) -> Sequence[str]:
        """End what has been calm long enough; returns the fingerprints."""
        ...

    async def count(self) -> int:
        """How many alerts flap now."""
        ...


class FlappingWatch:
    """Looks now and then. That an alert flaps is recognised where its changes are stored; here only that it is over.

    ``is_all_moved`` says whether the store has every change that was accepted:
    before that, nobody knows whether an alert is calm. ``on_calm`` is called
    when there is something to tell.
    """

    def __init__(
        self, store: FlappingStore, is_all_moved: Callable[[], bool], on_calm: Callable[[], None], clock: Clock
    ) -> None:
        self._store = store
        self._is_all_moved = is_all_moved
        self._on_calm = on_calm
        self._clock = clock
        self.flapping_now = 0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except CmctlError as error:
                logger.debug("Flapping waits for the store", extra={"action": "look", "problem": error.message})
            except Exception:
                logger.exception("Looking for calm alerts failed in a way nobody foresaw", extra={"action": "look"})
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """End what is calm. Raises DependencyUnreachable."""
        if self._is_all_moved():
            calm = await self._store.end_calm(self._clock())
            for fingerprint in calm:
                extra = {"action": "end_flapping", "fingerprint": fingerprint}
                logger.info("An alert that flapped is calm", extra=extra)
            if calm:
                self._on_calm()
        self.flapping_now = await self._store.count()
