"""Where samples come from. Apart from the other Protocols, because numpy would slow every command that needs those."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from controlplane.domain.slo.days import DayQuantities
from controlplane.domain.slo.grid import Series
from controlplane.errors import CmctlError


class QueryFailed(CmctlError):
    """A query was refused, or not answered in spite of retries, while the server is there; the message says why."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Series that a query returned, and warnings that came with them."""

    series: list[Series]
    warnings: tuple[str, ...] = ()


class SampleSource(Protocol):
    """A Prometheus server. Times are milliseconds since 1970.

    Both methods raise DependencyUnreachable when the server does not answer at
    all, and QueryFailed when it answers but not with samples.
    """

    async def samples(self, selector: str, start: int, end: int) -> Answer:
        """Raw samples of a selector in (start, end], stale markers left out."""
        ...

    async def values(self, query: str, start: int, end: int, step: int) -> Answer:
        """Values of a query at start, start + step … not later than end."""
        ...


class DayStore(Protocol):
    """Keeps roll-ups. Both methods raise DependencyUnreachable while the store does not answer."""

    async def read(self, wanted: Sequence[tuple[str, str]], first: date, last: date) -> list[DayQuantities]:
        """Days from ``first`` to ``last`` of objectives, each given by name and definition."""
        ...

    async def save(self, days: Sequence[DayQuantities]) -> None:
        """Store days; those that are there already are replaced."""
        ...
