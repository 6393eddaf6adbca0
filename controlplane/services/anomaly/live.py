"""Live anomaly detection: every watch is brought up to now, episodes are kept, Alertmanager is told.

Nothing that was learnt is lost: models are saved together with the step up to which they learnt, and what came after is
read from Prometheus again. Scoring the same samples again gives the same episodes, by the same ids.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controlplane.domain.anomaly.alerts import STORM_ALERT, AlertLinks, AlertPolicy, plan_alerts
from controlplane.domain.anomaly.episode import Episode, end
from controlplane.domain.anomaly.feedback import Feedback, Precision, bars, precision
from controlplane.domain.anomaly.track import FINE, Track
from controlplane.domain.anomaly.watch import Watch
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.anomaly.alerting import AnomalyAlerts
from controlplane.services.anomaly.ports import AnomalyStore, EpisodeFilter, PointSource, QuietPeriod, QuietPeriods
from controlplane.services.anomaly.stretch import Stretch, read_stretch
from controlplane.services.anomaly.watching import WatchRun

logger = logging.getLogger(__name__)

# Has a value at every step at which Prometheus itself took samples, of whatever.
SIGHTING_QUERY = "count(up)"
RESTARTED = "not seen again after a restart"
_MOST_OPEN = 100_000


@dataclass(frozen=True)
class LiveOptions:
    """How to watch. Durations are seconds."""

    policy: AlertPolicy
    links: AlertLinks
    history_seconds: float
    max_series_per_watch: int
    save_interval_seconds: float


class LiveAnomalies:
    """All watches of the daemon. ``tick`` is called by one job at a time."""

    def __init__(
        self,
        watches: Sequence[Watch],
        source: PointSource,
        store: AnomalyStore,
        alerts: AnomalyAlerts,
        quiet: QuietPeriods,
        options: LiveOptions,
        clock: Callable[[], datetime],
    ) -> None:
        self.runs = {watch.name: WatchRun(watch, options.max_series_per_watch) for watch in watches}
        self.watches = {watch.name: watch for watch in watches}
        self.alerts = alerts
        self.options = options
        self.prometheus_problem = ""
        self.store_problem = "nothing was read yet"
        self.feedback: list[Feedback] = []
        self.last_tick_seconds = 0.0
        self.last_tick_at: datetime | None = None
        self.episodes_begun = 0
        self._source = source
        self._store = store
        self._quiet = quiet
        self._clock = clock
        self._is_loaded = False
        self._is_settled = False
        self._is_storm = False
        self._unsaved: dict[str, Episode] = {}
        self._learnt: set[str] = set()
        self._saved_at: datetime | None = None
        self._periods: Sequence[QuietPeriod] = ()
        self._sightings: dict[tuple[int, int, int], asyncio.Task[list[int]]] = {}

    # -- the job

    async def tick(self) -> str:
        """Bring every watch up to now; returns a sentence for the ledger.

        Raises CmctlError when a query is refused or what was learnt cannot be read yet.
        """
        started = time.perf_counter()
        now = self._clock()
        await self._load(now)
        self._sightings.clear()
        for run in self.runs.values():
            run.begin(run.due_ms(_milliseconds(now)), round(self.options.history_seconds * 1000))
        await self._read_quiet(now)
        outcomes = await asyncio.gather(*(self._advance(run, now) for run in self.runs.values()))
        await self._settle()
        await self._keep_episodes()
        await self._tell(now)
        await self._save(now)
        self.last_tick_seconds = time.perf_counter() - started
        if not self.prometheus_problem:
            self.last_tick_at = now
        if failed := [run for run in self.runs.values() if run.problem]:
            raise CmctlError(
                f"{len(failed)} watches cannot be read: {failed[0].watch.name}: {failed[0].problem}",
                hint="correct the query in the section anomaly of cmctl.yml",
            )
        if self.prometheus_problem:
            return f"Prometheus does not answer, nothing was scored: {self.prometheus_problem}"
        return (
            f"{sum(outcomes)} samples of {self.series_count} series scored, {len(self.open_episodes())} episodes open"
        )

    async def _load(self, now: datetime) -> None:
        """Read what was learnt, once. Without it nothing is scored: it must not be overwritten by less."""
        if self._is_loaded:
            return
        try:
            saved = await self._store.load()
            self.feedback = await self._store.feedback()
        except CmctlError as error:
            self.store_problem = error.message
            raise
        for watch in saved:
            if watch.name in self.runs:
                self.runs[watch.name].restore(watch)
        self._apply_feedback(now)
        self._saved_at = now
        self.store_problem = ""
        self._is_loaded = True

    async def _advance(self, run: WatchRun, now: datetime) -> int:
        """Bring one watch up to now; returns how many samples were scored."""
        due = run.due_ms(_milliseconds(now))
        before = run.points
        try:
            while stretch := run.next_stretch(due):
                await self._take(run, *stretch)
        except DependencyUnreachable as error:
            self.prometheus_problem = error.message
        except CmctlError as error:
            run.problem = error.message
        else:
            run.problem = self.prometheus_problem = ""
            if run.is_learning:
                self._end_learning(run)
        return run.points - before

    async def _take(self, run: WatchRun, first_ms: int, last_ms: int) -> None:
        interval = run.watch.interval_ms
        answer = await self._source.points(run.watch.query, first_ms, last_ms, interval)
        sighted = await self._sighted(first_ms, last_ms, interval)
        changed = await run.take(answer, sighted, last_ms, self._quiet_of(run.watch))
        if not run.is_learning:
            self._note(changed)

    async def _sighted(self, first_ms: int, last_ms: int, interval: int) -> list[int]:
        """Steps at which Prometheus was working; asked once a tick for watches that go in step."""
        stretch = (first_ms, last_ms, interval)
        if stretch not in self._sightings:
            self._sightings[stretch] = asyncio.create_task(self._ask_sighted(*stretch))
        return await asyncio.shield(self._sightings[stretch])

    async def _ask_sighted(self, first_ms: int, last_ms: int, interval: int) -> list[int]:
        answer = await self._source.points(SIGHTING_QUERY, first_ms, last_ms, interval)
        return [at for series in answer for at, _ in series.points]

    def _end_learning(self, run: WatchRun) -> None:
        """The past taught; only what still lasts is an episode."""
        run.is_learning = False
        self._note([track.episode for track in run.tracks.values() if track.episode and track.episode.is_open])

    def _note(self, changed: Sequence[Episode]) -> None:
        fine = {item.episode_id for item in self.feedback if item.verdict == "fine"}
        for episode in changed:
            if episode.is_open and episode.id in fine:
                track = self._track_of(episode)
                episode = (track and track.close(episode.last_out_at, FINE)) or episode
            self.episodes_begun += episode.is_open and episode.out_samples == 1
            self._unsaved[episode.id] = episode

    async def _read_quiet(self, now: datetime) -> None:
        """The quiet periods of everything that is due. While nobody can tell, those known last hold."""
        starts = [run.through_ms for run in self.runs.values() if run.through_ms is not None]
        if not starts:
            return
        try:
            self._periods = await self._quiet.between(_moment(min(starts)), now)
        except CmctlError as error:
            logger.warning(
                "Maintenance is not known for now", extra={"action": "quiet_periods", "problem": error.message}
            )

    def _quiet_of(self, watch: Watch) -> list[tuple[int, int]]:
        about = [period for period in self._periods if period.is_about(watch)]
        return [(_milliseconds(period.start), _milliseconds(period.end)) for period in about]

    # -- episodes and alerts

    def open_episodes(self) -> list[Episode]:
        """The episodes that last, the longest first."""
        found = [track.episode for run in self.runs.values() for track in run.tracks.values() if track.episode]
        return sorted((episode for episode in found if episode.is_open), key=lambda episode: episode.started_at)

    async def _settle(self) -> None:
        """Once after a start: what the store calls open and nobody sees any more has ended."""
        if self._is_settled or self.prometheus_problem:
            return
        lasting = {episode.id for episode in self.open_episodes()}
        try:
            stored = await self._store.list_episodes(EpisodeFilter(is_open=True, limit=_MOST_OPEN))
        except CmctlError:
            return
        for episode in stored:
            if episode.id not in lasting:
                self._unsaved.setdefault(episode.id, end(episode, episode.last_out_at, RESTARTED))
        self._is_settled = True

    async def _keep_episodes(self) -> None:
        waiting = dict(self._unsaved)
        if not waiting:
            return
        try:
            await self._store.save_episodes(list(waiting.values()))
        except CmctlError as error:
            self.store_problem = error.message
            return
        self.store_problem = ""
        for episode_id, episode in waiting.items():
            if self._unsaved.get(episode_id) is episode:
                del self._unsaved[episode_id]

    async def _tell(self, now: datetime) -> None:
        drafts = plan_alerts(
            self.open_episodes(), self.watches, self.options.policy, self.options.links, self._is_storm
        )
        self._is_storm = any(draft.labels["alertname"] == STORM_ALERT for draft in drafts)
        await self.alerts.tell(drafts, now)

    async def _save(self, now: datetime) -> None:
        """Save every watch when it is time; what cannot be saved is saved later, and read again after a crash."""
        elapsed = (now - self._saved_at).total_seconds() if self._saved_at else 0.0
        if 0.0 <= elapsed < self.options.save_interval_seconds and not self._has_just_learnt():
            return
        saved = [await run.saved() for run in self.runs.values()]
        try:
            await self._store.save([watch for watch in saved if watch is not None])
        except CmctlError as error:
            self.store_problem = error.message
            return
        self.store_problem = ""
        self._saved_at = now
        self._learnt = {name for name, run in self.runs.items() if not run.is_learning}

    def _has_just_learnt(self) -> bool:
        """Whether a watch has read its past since the last save: that is worth keeping at once."""
        return any(not run.is_learning and name not in self._learnt and run.tracks for name, run in self.runs.items())

    async def stretch(self, episode: Mapping[str, object], now: datetime) -> Stretch:
        """The stretch of an episode, as ``episode_view`` gives it. Raises CmctlError, DependencyUnreachable."""
        return await read_stretch(self._source, episode, now.timestamp())

    # -- feedback

    async def give_feedback(self, feedback: Feedback) -> None:
        """Record a verdict and let it take effect. Raises DependencyUnreachable."""
        await self._store.give_feedback(feedback)
        self.feedback = [item for item in self.feedback if item.episode_id != feedback.episode_id] + [feedback]
        self._apply_feedback(self._clock())
        if feedback.verdict == "fine":
            await self._end_as_fine(feedback.episode_id)

    async def undo_feedback(self, episode_id: str, by: str) -> bool:
        """Take the verdict that stands on an episode back; False when none stood. Raises DependencyUnreachable."""
        now = self._clock()
        is_undone = await self._store.undo_feedback(episode_id, by, now)
        self.feedback = [item for item in self.feedback if item.episode_id != episode_id]
        self._apply_feedback(now)
        return is_undone

    @property
    def precision(self) -> Precision:
        """How good the alarms were so far, by what people said."""
        return precision(self.feedback)

    def _apply_feedback(self, now: datetime) -> None:
        raised = bars(self.feedback, now)
        for run in self.runs.values():
            run.set_bars(raised)

    async def _end_as_fine(self, episode_id: str) -> None:
        now = self._clock()
        for run in self.runs.values():
            for track in run.tracks.values():
                if track.episode and track.episode.id == episode_id and (ended := track.close(now.timestamp(), FINE)):
                    self._note([ended])
        await self._keep_episodes()
        await self._tell(now)

    def _track_of(self, episode: Episode) -> Track | None:
        run = self.runs.get(episode.watch)
        tracks = run.tracks.values() if run else ()
        return next((track for track in tracks if track.key.id == episode.series_id), None)

    @property
    def series_count(self) -> int:
        """Series that are watched."""
        return sum(len(run.tracks) for run in self.runs.values())


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
