"""Composition root of what reads anomalies without the daemon: pictures, scans, backtests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controlplane.adapters.prometheus_points import PrometheusPoints
from controlplane.config.default_checks import local_url
from controlplane.config.default_watches import watches
from controlplane.config.schema import Settings
from controlplane.domain.anomaly.watch import Watch
from controlplane.domain.slo.unusual import AnomalyReport
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.anomaly.ports import PointSource
from controlplane.services.anomaly.scan import Scanned, scan_all
from controlplane.services.anomaly.stretch import Stretch, read_stretch
from controlplane.services.slo.report.anomalies import Found, read_anomalies

_STEPS_A_QUERY = 5000


def point_source(settings: Settings) -> PointSource:
    """The Prometheus of this configuration."""
    section = settings.anomaly
    return PrometheusPoints(
        local_url(settings, "prometheus"), section.query_timeout_seconds, section.max_concurrent_queries
    )


async def stretch_of(settings: Settings, episode: Mapping[str, Any]) -> Stretch:
    """The stretch of an episode that the API gave. Raises DependencyUnreachable, CmctlError."""
    started = datetime.fromisoformat(episode["started_at"]).timestamp()
    now = datetime.now(UTC).timestamp()
    return await read_stretch(point_source(settings), {**episode, "started_at_seconds": started}, now)


async def anomalies_between(settings: Settings, store: Found, start: datetime, end: datetime) -> AnomalyReport:
    """What began between two moments, for a report, with pictures of the most serious."""
    source = point_source(settings)

    async def draw(view: Mapping[str, Any]) -> Stretch:
        started = {"started_at_seconds": view["started_at"].timestamp()}
        return await read_stretch(source, {**view, **started}, datetime.now(UTC).timestamp())

    return await read_anomalies(store, {watch.name: watch for watch in watches(settings)}, draw, start, end)


async def past_of(settings: Settings, query: str, start: datetime, step_seconds: float) -> list[tuple[int, float]]:
    """Samples (milliseconds, value) of the one series that a query gives, since a moment.

    Raises CmctlError when it gives none or several, DependencyUnreachable.
    """
    step = round(step_seconds * 1000)
    source, points = point_source(settings), list[tuple[int, float]]()
    position, end = round(start.timestamp() * 1000) // step * step, round(datetime.now(UTC).timestamp() * 1000)
    while position <= end:
        last = min(position + (_STEPS_A_QUERY - 1) * step, end // step * step)
        answer = await source.points(query, position, max(position, last), step)
        if len(answer) > 1:
            raise CmctlError(f"the query gives {len(answer)} series", hint="aggregate it, or select one by its labels")
        points += [point for series in answer for point in series.points]
        position += _STEPS_A_QUERY * step
    if not points:
        raise CmctlError("the query gives no samples in that time", hint="try it on Prometheus's own page")
    return points


async def scan_watches(settings: Settings, names: Sequence[str], start: datetime) -> list[Scanned]:
    """Every configured watch, or those named, since a moment. Raises UsageProblem, DependencyUnreachable."""
    known: dict[str, Watch] = {watch.name: watch for watch in watches(settings)}
    for name in names:
        if name not in known:
            raise UsageProblem(f"there is no watch {name!r}", hint=f"there are: {', '.join(known)}")
    chosen = [watch for name, watch in known.items() if not names or name in names]
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    start_ms = round(start.timestamp() * 1000)
    return await scan_all(point_source(settings), chosen, start_ms, now_ms, settings.anomaly.max_series_per_watch)
