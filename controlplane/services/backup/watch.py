"""What the daemon knows of backups: looked at from time to time, so that a scrape reads no disk."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from controlplane.domain.backup.limits import BackupLimits
from controlplane.domain.backup.overview import Overview, SetView

logger = logging.getLogger(__name__)

LOOK_SECONDS = 15.0


class Files(Protocol):
    """The backup directory."""

    def overview(self) -> Overview:
        """Everything at this moment. Raises OSError."""
        ...

    def sets(self) -> Sequence[SetView]:
        """Every set, newest first."""
        ...

    def find(self, wanted: str) -> SetView:
        """One set by id, or ``latest``. Raises UsageProblem."""
        ...


@dataclass
class BackupWatch:
    """``overview`` is what was seen last, None before the first look and while the directory cannot be read."""

    files: Files
    limits: BackupLimits
    overview: Overview | None = None

    async def run(self, looked: Callable[[], Awaitable[None]]) -> None:
        """Look until cancelled; ``looked`` is called after each look."""
        while True:
            await self.look()
            await looked()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once."""
        try:
            self.overview = await asyncio.to_thread(self.files.overview)
        except OSError as error:
            self.overview = None
            logger.warning(
                "The backup directory cannot be read", extra={"action": "backup_watch", "problem": str(error)}
            )
