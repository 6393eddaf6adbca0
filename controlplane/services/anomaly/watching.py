"""One watch as it goes along: which stretch is due, whose points those are, and what each series makes of them."""

import asyncio
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

from controlplane.domain.anomaly.episode import Episode
from controlplane.domain.anomaly.state import BadState, dump, load
from controlplane.domain.anomaly.track import GONE, QUIET, Track
from controlplane.domain.anomaly.watch import SeriesKey, Watch, series_key
from controlplane.services.anomaly.ports import SavedSeries, SavedWatch, SeriesPoints

# Sighted steps without a series after which its episode ends, and after which it is forgotten.
GONE_STEPS = 20
FORGOTTEN_STEPS = 10_000
# More of the past than this teaches nothing: weekly profiles at a sample a minute have had two weeks.
MOST_HISTORY_STEPS = 20_000
# Points in one answer, and points scored before others get their turn.
POINTS_PER_QUERY = 100_000
_MOST_STEPS = 10_000
_POINTS_PER_TURN = 200
Stretches = Sequence[tuple[int, int]]


class WatchRun:
    """The series of one watch. ``through_ms`` is the last step that was taken, None before the first."""

    def __init__(self, watch: Watch, max_series: int) -> None:
        self.watch = watch
        self.max_series = max_series
        self.through_ms: int | None = None
        self.tracks: dict[SeriesKey, Track] = {}
        self.problem = ""
        self.notes: set[str] = set()
        self.is_learning = True
        self.is_quiet = False
        self.points = 0
        self._bars: dict[str, dict[str, float]] = {}

    # -- which steps

    def due_ms(self, now_ms: int) -> int:
        """The newest step whose samples Prometheus has surely taken in."""
        interval = self.watch.interval_ms
        return (now_ms - min(2000, interval // 2)) // interval * interval

    def begin(self, due_ms: int, history_ms: int) -> None:
        """Settle where to go on: not from the very beginning after a long absence, not from a future that was none."""
        interval = self.watch.interval_ms
        steps = min(MOST_HISTORY_STEPS, max(1, history_ms // interval))
        through, horizon = self.through_ms, due_ms - steps * interval
        if through is None:
            self.through_ms = horizon
        elif through < horizon:
            self.through_ms = horizon
            self.overlook()
        elif through > due_ms + 3_600_000:
            self.notes.add("the clock was set back; learning goes on from here")
            self.through_ms = due_ms - interval
            self.overlook()

    def next_stretch(self, due_ms: int) -> tuple[int, int] | None:
        """First and last step to ask for next, None when everything due was taken."""
        through = self.through_ms
        if through is None or through >= due_ms:
            return None
        steps = min(_MOST_STEPS, max(1, POINTS_PER_QUERY // max(len(self.tracks), 10)))
        first = through + self.watch.interval_ms
        return first, min(first + (steps - 1) * self.watch.interval_ms, due_ms)

    def overlook(self) -> None:
        """What lay between does not count, for no series."""
        for track in self.tracks.values():
            track.overlook()

    # -- taking points in

    async def take(
        self, answer: Sequence[SeriesPoints], sighted_ms: Iterable[int], last_ms: int, quiet: Stretches
    ) -> list[Episode]:
        """Score a stretch up to ``last_ms``; the episodes that began, moved or ended.

        ``sighted_ms`` are steps at which Prometheus itself was working. ``quiet`` are (start, end) in milliseconds.
        """
        found = self._by_key(answer)
        steps = sorted({*sighted_ms, *(at for points in found.values() for at, _ in points)})
        changed: dict[str, Episode] = {}
        self.is_quiet = any(start <= last_ms < end for start, end in quiet)
        turn = 0
        for key, points in found.items():
            track = self.tracks.get(key)
            if track is None:
                track = self.tracks[key] = Track(key)
                track.bars = self._bars.get(key.id, {})
            for at, value in points:
                episode = self._step(track, at, value, steps, quiet)
                if episode is not None:
                    changed[episode.id] = episode
                turn += 1
                if turn >= _POINTS_PER_TURN:
                    turn = 0
                    await asyncio.sleep(0)
        self._count_absent(steps, last_ms, quiet, changed)
        self.points += sum(map(len, found.values()))
        self.through_ms = last_ms
        return list(changed.values())

    def _by_key(self, answer: Sequence[SeriesPoints]) -> dict[SeriesKey, Sequence[tuple[int, float]]]:
        """The points of each series; known series first, new ones as long as there is room."""
        found: dict[SeriesKey, Sequence[tuple[int, float]]] = {}
        self.notes = {note for note in self.notes if note.startswith("the clock")}
        for series in answer:
            key = series_key(self.watch.name, self.watch.labels, series.labels)
            if key in found:
                self.notes.add(f"the labels kept do not tell its series apart: {key.text or 'none'}")
            elif key in self.tracks or len(self.tracks.keys() | found.keys()) < self.max_series:
                found[key] = series.points
            else:
                self.notes.add(f"gives more than {self.max_series} series; the rest is not watched")
        return found

    def _step(self, track: Track, at_ms: int, value: float, steps: Sequence[int], quiet: Stretches) -> Episode | None:
        """One point of one series."""
        at = at_ms / 1000
        if quiet and any(start <= at_ms < end for start, end in quiet):
            track.at = at
            track.overlook()
            return track.close(at, QUIET)
        if not isfinite(value):
            track.at = at
            track.overlook()
            return None
        before_ms = round(track.at * 1000)
        if track.at and at_ms - before_ms != self.watch.interval_ms:
            # Steps at which Prometheus worked and the series was not there are its own; the rest of a gap is not.
            track.missed += max(0, bisect_left(steps, at_ms) - bisect_right(steps, before_ms))
            track.wants_bridge = True
        track.at = at
        return track.observe(at, value)

    def _count_absent(self, steps: Sequence[int], last_ms: int, quiet: Stretches, changed: dict[str, Episode]) -> None:
        """Note who was not there though Prometheus was; end and forget what is gone."""
        gone: list[SeriesKey] = []
        for key, track in self.tracks.items():
            if track.at * 1000 >= last_ms:
                continue
            here_ms = round(track.at * 1000)
            absent = sum(
                not any(start <= at < end for start, end in quiet) for at in steps[bisect_right(steps, here_ms) :]
            )
            track.missed += absent
            if absent:
                # What was counted must not be counted again when it comes back.
                track.at = last_ms / 1000
                track.wants_bridge = True
            if track.missed >= GONE_STEPS and (episode := track.close(last_ms / 1000, GONE)):
                changed[episode.id] = episode
            if track.missed >= FORGOTTEN_STEPS:
                gone.append(key)
        for key in gone:
            del self.tracks[key]

    # -- saving

    async def saved(self) -> SavedWatch | None:
        """What to keep of it, None before the first step."""
        if self.through_ms is None:
            return None
        series = []
        for number, track in enumerate(self.tracks.values()):
            series.append(_saved_series(track))
            if number % 20 == 19:
                await asyncio.sleep(0)
        return SavedWatch(self.watch.name, digest(self.watch), self.through_ms, series)

    def restore(self, saved: SavedWatch) -> None:
        """Go on from what was kept; a watch whose query changed starts anew, and says so."""
        if saved.digest != digest(self.watch):
            self.notes.add("its query changed: learning starts anew")
            return
        self.through_ms = saved.through_ms
        self.is_learning = False
        for series in saved.series:
            track = _restored(series)
            if track is None:
                self.notes.add("what was learnt of a series could not be read: learning starts anew")
            else:
                self.tracks[series.key] = track

    def set_bars(self, bars: Mapping[tuple[str, str], float]) -> None:
        """Take the bars that feedback raised."""
        self._bars = {}
        for (series_id, family), nats in bars.items():
            self._bars.setdefault(series_id, {})[family] = nats
        for track in self.tracks.values():
            track.bars = self._bars.get(track.key.id, {})


def digest(watch: Watch) -> str:
    """What must be equal for what was learnt to be of use."""
    text = f"{watch.query}\0{watch.interval_ms}\0{','.join(watch.labels)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _saved_series(track: Track) -> SavedSeries:
    return SavedSeries(
        key=track.key,
        state=dump(track.model),
        at=track.at,
        score=track.score,
        value=track.value,
        missed=track.missed,
        wants_bridge=track.wants_bridge,
        calm=track.calm,
        calm_since=track.calm_since,
        episode=track.episode,
    )


def _restored(saved: SavedSeries) -> Track | None:
    try:
        track = Track(saved.key, load(saved.state))
    except BadState:
        return None
    track.at, track.score, track.value = saved.at, saved.score, saved.value
    track.missed, track.wants_bridge = saved.missed, saved.wants_bridge
    track.calm, track.calm_since, track.episode = saved.calm, saved.calm_since, saved.episode
    return track
