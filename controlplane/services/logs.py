"""Read the logs of several components as one: the last lines, then whatever is added."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from controlplane.domain.logline import LogFilter, LogLine

_START_OF_TIME = datetime.min.replace(tzinfo=UTC)


class LogSource(Protocol):
    """The log of one component."""

    def backward(self) -> Iterator[LogLine]:
        """Every line that is kept, the newest first, each with its time and level filled in."""
        ...

    def follow(self) -> None:
        """Mark the end of the log; ``added`` starts there."""
        ...

    def added(self) -> Iterable[LogLine]:
        """Lines written since ``follow`` or the last call, oldest first; rotation loses none."""
        ...

    def close(self) -> None:
        """Follow no longer."""
        ...


def last_lines(sources: Sequence[LogSource], wanted: LogFilter, count: int) -> list[LogLine]:
    """The last ``count`` wanted lines of all sources, oldest first, merged by time.

    Reads each log from its end, and no further than it must.
    """
    found = [_last_of(source, wanted, count) for source in sources]
    merged = heapq.merge(*found, key=_order)
    return list(deque(merged, maxlen=count))


def new_lines(sources: Sequence[LogSource], wanted: LogFilter) -> list[LogLine]:
    """The wanted lines that were written since the last call, merged by time."""
    added = [[line for line in source.added() if wanted.wants(line)] for source in sources]
    return list(heapq.merge(*added, key=_order))


def _last_of(source: LogSource, wanted: LogFilter, count: int) -> list[LogLine]:
    kept: deque[LogLine] = deque()
    if count > 0:
        for line in source.backward():
            if wanted.since is not None and line.time is not None and line.time < wanted.since:
                break
            if wanted.wants(line):
                kept.appendleft(line)
                if len(kept) == count:
                    break
    return list(kept)


def _order(line: LogLine) -> datetime:
    return line.time or _START_OF_TIME
