"""Waiting no longer than a deadline, also for work that takes its time to be cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of ``work``, or TimeoutError on time.

    ``asyncio.timeout`` waits until what it cancelled has ended; a question to a
    database that hangs takes many seconds to end.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        task.add_done_callback(_forget)
        raise TimeoutError(f"no answer within {seconds:g} s")
    return task.result()


def _forget(task: "asyncio.Task[Any]") -> None:
    """Look at how it ended, so that nobody complains that nobody did."""
    if not task.cancelled():
        task.exception()
