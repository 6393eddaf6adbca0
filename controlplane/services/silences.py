"""Keeps Alertmanager's silences those that maintenance wants."""

import asyncio
import logging
from typing import Protocol

from controlplane.domain.silence import Silence, plan
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.maintenance import MaintenanceStore
from controlplane.services.ports import Clock

logger = logging.getLogger(__name__)


class Silencer(Protocol):
    """Alertmanager's silences. Every method raises DependencyUnreachable when it does not answer, and CmctlError."""

    async def silences(self) -> list[Silence]:
        """Every silence, expired ones included as long as Alertmanager remembers them."""
        ...

    async def create(self, silence: Silence) -> str:
        """Make a silence; returns its id."""
        ...

    async def expire(self, silence_id: str) -> None:
        """End a silence now."""
        ...


class SilenceKeeper:
    """Compares and corrects; one comparison at a time."""

    def __init__(self, store: MaintenanceStore, silencer: Silencer, clock: Clock) -> None:
        self._store = store
        self._silencer = silencer
        self._clock = clock
        self._lock = asyncio.Lock()

    async def reconcile(self) -> str:
        """Make and expire silences; returns a sentence.

        Raises DependencyUnreachable when the store or Alertmanager does not answer, CmctlError when one silence or
        more could not be made; the others were.
        """
        async with self._lock:
            entries = await self._store.all()
            if not entries:
                return "no maintenance"
            changes = plan(entries, await self._silencer.silences(), self._clock())
            problems = [
                *[problem for one in changes.create if (problem := await self._try_to_create(one))],
                *[problem for one in changes.expire if (problem := await self._try_to_expire(one))],
            ]
        if problems:
            raise CmctlError("; ".join(problems))
        return f"{len(changes.create)} silences made, {len(changes.expire)} expired"

    async def _try_to_create(self, silence: Silence) -> str | None:
        try:
            silence_id = await self._silencer.create(silence)
        except DependencyUnreachable:
            raise
        except CmctlError as error:
            return error.message
        logger.info(
            "A silence was made", extra={"action": "silence", "silence_id": silence_id, "comment": silence.comment}
        )
        return None

    async def _try_to_expire(self, silence: Silence) -> str | None:
        try:
            await self._silencer.expire(silence.id)
        except DependencyUnreachable:
            raise
        except CmctlError as error:
            return error.message
        logger.info(
            "A silence was expired", extra={"action": "silence", "silence_id": silence.id, "comment": silence.comment}
        )
        return None
