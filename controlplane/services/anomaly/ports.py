"""What live anomaly detection needs from the outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from controlplane.domain.anomaly.episode import Episode
from controlplane.domain.anomaly.feedback import Feedback
from controlplane.domain.anomaly.watch import SeriesKey, Watch
from controlplane.domain.maintenance import matches
from controlplane.domain.slo.selector import Matcher
from controlplane.errors import CmctlError


class QueryRefused(CmctlError):
    """Prometheus is there and does not answer this query with series; the message says why."""


@dataclass(frozen=True)
class SeriesPoints:
    """One series of an answer: (milliseconds since 1970, value) in ascending order; values may be NaN."""

    labels: Mapping[str, str]
    points: Sequence[tuple[int, float]]


class PointSource(Protocol):
    """Prometheus, as far as watching needs it."""

    async def points(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> list[SeriesPoints]:
        """Values of a query at start, start + step … not later than end.

        Raises DependencyUnreachable when Prometheus does not answer, QueryRefused when it refuses.
        """
        ...


@dataclass(frozen=True)
class SavedSeries:
    """What is kept of one series. ``episode`` is its latest, as it was when this was saved."""

    key: SeriesKey
    state: bytes
    at: float
    score: float
    value: float
    missed: int
    wants_bridge: bool
    calm: int
    calm_since: float
    episode: Episode | None


@dataclass(frozen=True)
class SavedWatch:
    """What is kept of one watch. ``digest`` tells whether its query is still the one that was learnt."""

    name: str
    digest: str
    through_ms: int
    series: Sequence[SavedSeries]


@dataclass(frozen=True)
class EpisodeFilter:
    """Which episodes are wanted; None and False mean any."""

    is_open: bool = False
    watch: str | None = None
    since: datetime | None = None
    limit: int = 100


class AnomalyStore(Protocol):
    """What was learnt and found, in PostgreSQL. Every method raises DependencyUnreachable while it does not answer."""

    async def load(self) -> list[SavedWatch]:
        """Everything that was saved."""
        ...

    async def save(self, watches: Sequence[SavedWatch]) -> None:
        """Replace what is saved of these watches, all of it or nothing."""
        ...

    async def save_episodes(self, episodes: Sequence[Episode]) -> None:
        """Add episodes, or bring them up to date."""
        ...

    async def list_episodes(self, wanted: EpisodeFilter) -> list[Episode]:
        """The wanted episodes, newest first."""
        ...

    async def episode(self, episode_id: str) -> Episode | None:
        """One episode, None when there is none of that id."""
        ...

    async def feedback(self) -> list[Feedback]:
        """The verdicts that stand, oldest first."""
        ...

    async def give_feedback(self, feedback: Feedback) -> None:
        """Record a verdict; it replaces the one that stood on the episode."""
        ...

    async def undo_feedback(self, episode_id: str, undone_by: str, at: datetime) -> bool:
        """Take the standing verdict back; False when none stood."""
        ...


@dataclass(frozen=True)
class QuietPeriod:
    """A stretch from which nothing may be learnt, of the watches that the matchers fit; none fit all."""

    start: datetime
    end: datetime
    reason: str
    matchers: tuple[Matcher, ...] = ()

    def is_about(self, watch: Watch) -> bool:
        """Whether it concerns a watch, by the labels that its alerts carry."""
        return matches(self.matchers, {"service": watch.service, "watch": watch.name})


class QuietPeriods(Protocol):
    """Maintenance windows and acknowledged deploys."""

    async def between(self, start: datetime, end: datetime) -> Sequence[QuietPeriod]:
        """The quiet periods that touch a stretch. Raises CmctlError when nobody can tell."""
        ...


class AlertGate(Protocol):
    """Alertmanager's entrance."""

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Hand alerts in, with Alertmanager's field names. Raises DependencyUnreachable, CmctlError."""
        ...
