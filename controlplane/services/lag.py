"""Measures how long the event loop was kept from running, so that our own slowness is not blamed on others."""

import asyncio
from types import TracebackType

TICK_SECONDS = 0.1


class LagMeter:
    """``async with LagMeter() as lag``: afterwards ``lag.longest_seconds`` is the longest delay of a tick."""

    def __init__(self, tick_seconds: float = TICK_SECONDS) -> None:
        self._tick_seconds = tick_seconds
        self._task: asyncio.Task[None] | None = None
        self._due = 0.0
        self.longest_seconds = 0.0

    async def __aenter__(self) -> "LagMeter":
        self._due = asyncio.get_running_loop().time() + self._tick_seconds
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
        self._note()

    async def _tick(self) -> None:
        while True:
            self._due = asyncio.get_running_loop().time() + self._tick_seconds
            await asyncio.sleep(self._tick_seconds)
            self._note()

    def _note(self) -> None:
        self.longest_seconds = max(self.longest_seconds, asyncio.get_running_loop().time() - self._due)
