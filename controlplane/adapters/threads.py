"""Blocking calls beside the event loop, in threads that can be left behind.

The executor of asyncio will not do: the program cannot end before its threads
do, and a call that hangs (a dead NFS mount, a stopped server) never ends.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from controlplane.errors import CmctlError

Result = TypeVar("Result")


async def in_thread(function: Callable[[], Result], name: str = "blocking call") -> Result:
    """What ``function`` returns or raises, run in a daemon thread of its own.

    When the caller is cancelled, the thread is left behind; its result is dropped.
    """
    result, _ = _start(function, name)
    return await result


class ThreadSlot:
    """Runs one blocking call at a time, so that calls which hang do not pile up."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None

    async def call(self, function: Callable[[], Result]) -> Result:
        """Like ``in_thread``. Raises CmctlError while an earlier call, left behind, still hangs."""
        if self._thread is not None and self._thread.is_alive():
            raise CmctlError(f"the previous run of {self._name} still hangs")
        result, self._thread = _start(function, self._name)
        return await result


def _start(function: Callable[[], Result], name: str) -> tuple["asyncio.Future[Result]", threading.Thread]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def deliver(set_it: Callable[[], None]) -> None:
        if not future.done():
            set_it()

    def body() -> None:
        try:
            value = function()
        except Exception as error:
            failure = error
            outcome: Callable[[], None] = lambda: future.set_exception(failure)  # noqa: E731 - one of two closures
        else:
            outcome = lambda: future.set_result(value)  # noqa: E731
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, outcome)

    thread = threading.Thread(target=body, name=name, daemon=True)
    thread.start()
    return future, thread
