"""What would have alerted, from Prometheus's past alone: for ``cmctl anomaly scan`` and ``backtest --promql``."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.domain.anomaly.episode import Episode
from controlplane.domain.anomaly.watch import Watch
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.anomaly.ports import PointSource
from controlplane.services.anomaly.watching import WatchRun

# Before the stretch that is asked about, so much is read to learn from: the warm-up and half as much again.
LEARNT_STEPS = 900


@dataclass(frozen=True)
class Scanned:
    """What one watch would have said of a stretch. ``samples`` counts those of the stretch and of the learning."""

    watch: Watch
    series: int
    samples: int
    warming_up: int
    episodes: tuple[Episode, ...]
    problem: str = ""


async def scan(source: PointSource, watch: Watch, start_ms: int, end_ms: int, max_series: int) -> Scanned:
    """Run a watch over (start, end] with nothing learnt before but what precedes it.

    Raises DependencyUnreachable; a query that is refused is said in ``problem``.
    """
    run = WatchRun(watch, max_series)
    due = end_ms // watch.interval_ms * watch.interval_ms
    run.through_ms = (start_ms // watch.interval_ms - LEARNT_STEPS) * watch.interval_ms
    found: dict[str, Episode] = {}
    problem = ""
    try:
        while stretch := run.next_stretch(due):
            answer = await source.points(watch.query, *stretch, watch.interval_ms)
            found |= {episode.id: episode for episode in await run.take(answer, (), stretch[1], ())}
    except DependencyUnreachable:
        raise
    except CmctlError as error:
        problem = error.message
    episodes = sorted(
        (one for one in found.values() if one.started_at * 1000 > start_ms), key=lambda one: one.started_at
    )
    warming_up = sum(track.is_warming_up for track in run.tracks.values())
    return Scanned(watch, len(run.tracks), run.points, warming_up, tuple(episodes), problem)


async def scan_all(
    source: PointSource, watches: Sequence[Watch], start_ms: int, end_ms: int, max_series: int
) -> list[Scanned]:
    """Every watch, one after the other."""
    return [await scan(source, watch, start_ms, end_ms, max_series) for watch in watches]
