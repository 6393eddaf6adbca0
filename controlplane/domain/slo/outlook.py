"""What a report says of the time ahead: when each resource is full."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class OutlookLine:
    """One series of a resource. Moments are None beyond the horizon; ``level`` is None while there is too little.

    ``early`` and ``late`` bound 80 % of the ways it may go; ``straight`` is the baseline, a straight line.
    """

    title: str
    title_zh: str
    labels: tuple[tuple[str, str], ...]
    unit: str
    limit: float | None = None
    level: float | None = None
    growth_per_day: float | None = None
    early: datetime | None = None
    expected: datetime | None = None
    late: datetime | None = None
    straight: datetime | None = None


@dataclass(frozen=True)
class Outlook:
    """The nearest end first. ``problem`` says why something is not known."""

    made_at: datetime
    lines: tuple[OutlookLine, ...]
    problem: str | None = None
