"""Incidents as a report tells of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class IncidentFact:
    """What a report says about one incident. ``url`` is http or https, or empty."""

    number: str
    title: str
    title_zh: str
    priority: str
    service: str
    began_at: datetime
    recovered_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    closed_at: datetime | None
    url: str

    def overlaps(self, start: datetime, end: datetime, slack: timedelta = timedelta()) -> bool:
        """Whether it went on at any time within (start, end), or within ``slack`` of it."""
        over = self.recovered_at or self.closed_at
        return self.began_at < end + slack and (over is None or over > start - slack)


@dataclass(frozen=True)
class IncidentHistory:
    """The incidents of a report's period, oldest first, or why they are not known."""

    incidents: tuple[IncidentFact, ...]
    problem: str | None = None
