"""A stretch of one series with its band, learnt again from what Prometheus still has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from controlplane.domain.anomaly.track import Track
from controlplane.domain.anomaly.watch import SeriesKey, series_key
from controlplane.errors import CmctlError
from controlplane.services.anomaly.ports import PointSource

# Twice the warm-up, and as much before and after the episode as it lasted, within these bounds.
_LEARNT_STEPS = 2000
_LEAST_AROUND, _MOST_SHOWN = 60, 2000


@dataclass(frozen=True)
class Stretch:
    """Samples in ascending order of time (seconds): value, both ends of the band, score."""

    times: Sequence[float]
    values: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    scores: Sequence[float]


def one_series(query: str, labels: Mapping[str, str]) -> str:
    """A query cut to the one series that has these labels."""
    if not labels:
        return query
    marker = "vector(1)"
    for name, value in labels.items():
        escaped = value.replace("$", "$$").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        marker = f'label_replace({marker}, "{name}", "{escaped}", "", "")'
    return f"({query}) and on ({', '.join(labels)}) {marker}"


async def read_stretch(source: PointSource, episode: Mapping[str, object], now: float) -> Stretch:
    """The stretch around an episode as ``episode_view`` gives it; ``now`` is in seconds.

    Raises DependencyUnreachable, CmctlError when Prometheus has nothing of it any more.
    """
    interval, query = episode["interval_seconds"], str(episode["query"])
    if not isinstance(interval, float) or not query:
        raise CmctlError(f"watch {episode['watch']} is not configured any more", hint="its samples cannot be found")
    labels = {str(name): str(value) for name, value in dict(episode["labels"]).items()}  # type: ignore[call-overload]
    key = series_key(str(episode["watch"]), list(labels), labels)
    started, lasted = _number(episode["started_at_seconds"]), _number(episode["duration_seconds"])
    around = max(_LEAST_AROUND, min(int(lasted / interval), _MOST_SHOWN)) * interval
    step_ms = round(interval * 1000)
    end_ms = round(min(now, started + lasted + around) * 1000) // step_ms * step_ms
    shown_ms = max(round((started - around) * 1000), end_ms - 3 * _MOST_SHOWN * step_ms)
    start_ms = (shown_ms // step_ms - _LEARNT_STEPS) * step_ms
    points = []
    for series in await source.points(one_series(query, labels), start_ms, end_ms, step_ms):
        if series_key(key.watch, [name for name, _ in key.labels], series.labels) == key:
            points = [(at, value) for at, value in series.points if isfinite(value)]
    if not any(at >= shown_ms for at, _ in points):
        raise CmctlError("Prometheus has no samples of this stretch any more")
    return replay(key, points, shown_ms)


def replay(key: SeriesKey, points: Sequence[tuple[int, float]], shown_ms: int) -> Stretch:
    """Score points (milliseconds, value) from the first on; what is shown begins at ``shown_ms``."""
    track, rows = Track(key), []
    for at, value in points:
        track.observe(at / 1000, value)
        if at >= shown_ms:
            expected, band = track.expected, track.band
            rows.append((at / 1000, track.value, expected - band, expected + band, track.score))
    times, values, lower, upper, scores = zip(*rows, strict=True)
    return Stretch(times, values, lower, upper, scores)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
