"""Stand-ins for what live detection needs: a Prometheus of functions, a store in memory, a counting Alertmanager."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controlplane.domain.anomaly.alerts import AlertLinks, AlertPolicy
from controlplane.domain.anomaly.episode import Episode
from controlplane.domain.anomaly.feedback import Feedback
from controlplane.domain.anomaly.watch import Watch
from controlplane.errors import DependencyUnreachable
from controlplane.services.anomaly.alerting import AnomalyAlerts
from controlplane.services.anomaly.live import SIGHTING_QUERY, LiveAnomalies, LiveOptions
from controlplane.services.anomaly.ports import EpisodeFilter, QuietPeriod, SavedWatch, SeriesPoints

STEP_MS = 60_000
START_MS = 1_700_000_040_000 // STEP_MS * STEP_MS
LINKS = AlertLinks("http://prometheus", "http://control", "http://control/docs/runbook")
Value = Callable[[int, str], float | None]


def watch(name: str = "latency", **fields: Any) -> Watch:
    """A watch of the query that bears its name."""
    values = {"query": name, "title": "Latency", "title_zh": "延迟", "unit": "s", "service": "web", **fields}
    return Watch(name, **values)


class FakePrometheus:
    """Answers a query from ``value(step, instance)``; None is no sample. ``is_away`` and ``gaps`` take it away."""

    def __init__(self, value: Value, instances: Sequence[str] = ("a",)) -> None:
        self.value = value
        self.instances = list(instances)
        self.is_away = False
        self.gaps: list[tuple[int, int]] = []
        self.asked: list[tuple[str, int, int]] = []
        self.refused: dict[str, Exception] = {}

    async def points(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> list[SeriesPoints]:
        if self.is_away:
            raise DependencyUnreachable("Prometheus is away")
        if query in self.refused:
            raise self.refused[query]
        self.asked.append((query, start_ms, end_ms))
        steps = [at for at in range(start_ms, end_ms + 1, step_ms) if not self._is_in_gap((at - START_MS) // step_ms)]
        if query == SIGHTING_QUERY:
            return [SeriesPoints({}, [(at, 1.0) for at in steps])]
        found = []
        for instance in self.instances:
            values = [(at, self.value((at - START_MS) // step_ms, instance)) for at in steps]
            points = [(at, number) for at, number in values if number is not None]
            if points:
                found.append(SeriesPoints({"__name__": "x", "instance": instance}, points))
        return found

    def _is_in_gap(self, step: int) -> bool:
        return any(first <= step < last for first, last in self.gaps)


class FakeStore:
    """Keeps everything as PostgreSQL would."""

    def __init__(self) -> None:
        self.saved: dict[str, SavedWatch] = {}
        self.episodes: dict[str, Episode] = {}
        self.given: dict[str, Feedback] = {}
        self.is_away = False
        self.saves = 0

    def _check(self) -> None:
        if self.is_away:
            raise DependencyUnreachable("PostgreSQL is away")

    async def load(self) -> list[SavedWatch]:
        self._check()
        return list(self.saved.values())

    async def save(self, watches: Sequence[SavedWatch]) -> None:
        self._check()
        self.saves += 1
        self.saved |= {watch.name: watch for watch in watches}

    async def save_episodes(self, episodes: Sequence[Episode]) -> None:
        self._check()
        self.episodes |= {episode.id: episode for episode in episodes}

    async def list_episodes(self, wanted: EpisodeFilter) -> list[Episode]:
        self._check()
        return [episode for episode in self.episodes.values() if episode.is_open or not wanted.is_open]

    async def episode(self, episode_id: str) -> Episode | None:
        self._check()
        return self.episodes.get(episode_id)

    async def feedback(self) -> list[Feedback]:
        self._check()
        return list(self.given.values())

    async def give_feedback(self, feedback: Feedback) -> None:
        self._check()
        self.given[feedback.episode_id] = feedback

    async def undo_feedback(self, episode_id: str, undone_by: str, at: datetime) -> bool:
        self._check()
        return self.given.pop(episode_id, None) is not None


class FakeGate:
    """Remembers what Alertmanager was told."""

    def __init__(self) -> None:
        self.posts: list[list[Mapping[str, Any]]] = []
        self.is_away = False

    async def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        if self.is_away:
            raise DependencyUnreachable("Alertmanager is away")
        self.posts.append(list(alerts))

    def firing(self, now: datetime) -> list[Mapping[str, Any]]:
        """The alerts that fire by what was said last of each."""
        latest = {tuple(sorted(alert["labels"].items())): alert for post in self.posts for alert in post}
        return [alert for alert in latest.values() if datetime.fromisoformat(alert["endsAt"]) > now]


class FakeQuiet:
    """Quiet periods that the test names."""

    def __init__(self) -> None:
        self.periods: list[QuietPeriod] = []

    async def between(self, start: datetime, end: datetime) -> list[QuietPeriod]:
        return [period for period in self.periods if period.start <= end and period.end > start]


class World:
    """Live detection in a world of stand-ins. Time goes by steps of a minute."""

    def __init__(
        self, value: Value, instances: Sequence[str] = ("a",), history_steps: int = 2000, **options: Any
    ) -> None:
        self.prometheus = FakePrometheus(value, instances)
        self.store = FakeStore()
        self.gate = FakeGate()
        self.quiet = FakeQuiet()
        self.step = history_steps
        self.history_steps = history_steps
        self.options = options
        self.offset_seconds = 5.0
        self.watches = [watch()]
        self.live = self.start()

    @property
    def now(self) -> datetime:
        """The clock of this world."""
        return datetime.fromtimestamp((START_MS + self.step * STEP_MS) / 1000 + self.offset_seconds, UTC)

    def start(self) -> LiveAnomalies:
        """A daemon that has just started, on the same store."""
        options = LiveOptions(
            policy=AlertPolicy(self.options.get("least_severity", "warning"), self.options.get("most_alerts", 10)),
            links=LINKS,
            history_seconds=self.history_steps * STEP_MS / 1000,
            max_series_per_watch=self.options.get("max_series", 20_000),
            save_interval_seconds=self.options.get("save_interval_seconds", 300.0),
        )
        self.live = LiveAnomalies(
            self.watches,
            self.prometheus,
            self.store,
            AnomalyAlerts(self.gate, 60.0),
            self.quiet,
            options,
            lambda: self.now,
        )
        return self.live

    async def run_to(self, step: int, by: int = 1) -> None:
        """Tick until a step is reached."""
        while self.step < step:
            self.step = min(self.step + by, step)
            await self.live.tick()
