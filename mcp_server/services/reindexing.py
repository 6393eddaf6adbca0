"""One rebuild of the vectors at a time, in the background, with progress."""

import asyncio
import logging
from dataclasses import dataclass

from mcp_server.errors import MemoryServerError
from mcp_server.services.indexer import Indexer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """State of the latest rebuild; ``error`` is why it ended early."""

    is_running: bool = False
    done: int = 0
    total: int = 0
    error: str | None = None


class Reindexing:
    """Starts rebuilds and tells how far they are."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        self._task: asyncio.Task[None] | None = None
        self.progress = Progress()

    def start(self) -> bool:
        """Start a rebuild; False when one is running."""
        if self.progress.is_running:
            return False
        self.progress = Progress(is_running=True)
        self._task = asyncio.create_task(self._run())
        return True

    async def _run(self) -> None:
        try:
            total = await self._indexer.rebuild(self._advance)
            self.progress = Progress(False, total, total)
        except MemoryServerError as error:
            logger.error("Rebuilding the vectors failed", extra={"action": "reindex", "reason": error.message})
            self.progress = Progress(False, self.progress.done, self.progress.total, error.message)

    def _advance(self, done: int, total: int) -> None:
        self.progress = Progress(True, done, total)
