"""When things are full: every configured resource, forecast from what Prometheus remembers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controlplane.domain.anomaly.watch import SeriesKey, series_key
from controlplane.domain.forecast import DAY, HOUR, WEEK, Forecast, Resource, forecast
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.anomaly.ports import PointSource, SeriesPoints

_HISTORY_MS = round(4 * WEEK * 1000)
_STEP_MS = round(HOUR * 1000)
MOST_SERIES = 50


@dataclass(frozen=True)
class Forecasted:
    """One series of a resource; ``forecast`` is None while there is too little history."""

    resource: Resource
    labels: tuple[tuple[str, str], ...]
    forecast: Forecast | None
    at: datetime


class Forecasts:
    """The latest forecasts; ``refresh`` is called by one job at a time."""

    def __init__(
        self, resources: Sequence[Resource], source: PointSource, clock: Callable[[], datetime], horizon_days: float
    ) -> None:
        self.resources = list(resources)
        self.problems: dict[str, str] = {}
        self._source = source
        self._clock = clock
        self._horizon_seconds = horizon_days * DAY
        self._latest: dict[str, list[Forecasted]] = {}

    def latest(self) -> list[Forecasted]:
        """Every forecast, the nearest end first; what is never full and what is not known comes last."""
        found = [one for group in self._latest.values() for one in group]
        return sorted(found, key=lambda one: (_due(one), one.resource.name, one.labels))

    async def refresh(self) -> str:
        """Forecast everything anew; a resource that cannot be read keeps its last forecast.

        Raises DependencyUnreachable when Prometheus does not answer, CmctlError when it refuses a query.
        """
        now = self._clock()
        for resource in self.resources:
            try:
                self._latest[resource.name] = await self._of(resource, now)
                self.problems.pop(resource.name, None)
            except DependencyUnreachable:
                raise
            except CmctlError as error:
                self.problems[resource.name] = error.message
        if self.problems:
            name, problem = next(iter(self.problems.items()))
            raise CmctlError(f"{len(self.problems)} forecasts cannot be made: {name}: {problem}")
        return f"{len(self.latest())} series forecast"

    async def _of(self, resource: Resource, now: datetime) -> list[Forecasted]:
        end_ms = round(now.timestamp() * 1000) // _STEP_MS * _STEP_MS
        used = await self._source.points(resource.used, end_ms - _HISTORY_MS, end_ms, _STEP_MS)
        limits = await self._limits(resource, round(now.timestamp() * 1000))
        found = []
        for series in used[:MOST_SERIES]:
            key = series_key(resource.name, resource.labels, series.labels)
            limit = limits.get(key, limits.get(SeriesKey(resource.name)))
            if limit is None or not series.points:
                continue
            found.append(Forecasted(resource, key.labels, self._forecast(series, limit, now), now))
            await asyncio.sleep(0)
        return found

    async def _limits(self, resource: Resource, now_ms: int) -> dict[SeriesKey, float]:
        try:
            return {SeriesKey(resource.name): float(resource.limit)}
        except ValueError:
            answer = await self._source.points(resource.limit, now_ms, now_ms, _STEP_MS)
        return {
            series_key(resource.name, resource.labels, series.labels): series.points[-1][1]
            for series in answer
            if series.points
        }

    def _forecast(self, series: SeriesPoints, limit: float, now: datetime) -> Forecast | None:
        times = [at / 1000 for at, _ in series.points]
        values = [value for _, value in series.points]
        return forecast(times, values, limit, now.timestamp(), self._horizon_seconds)


def forecast_view(one: Forecasted) -> dict[str, Any]:
    """One forecast as the API and the command line show it; the keys are a contract."""
    found, resource = one.forecast, one.resource
    moments = {"early": found.early, "expected": found.expected, "late": found.late} if found else {}
    times: Mapping[str, datetime | None] = {
        f"{name}_at": None if at is None else datetime.fromtimestamp(at, UTC) for name, at in moments.items()
    }
    return {
        "resource": resource.name,
        "title": resource.title,
        "title_zh": resource.title_zh,
        "service": resource.service,
        "unit": resource.unit,
        "labels": dict(one.labels),
        "state": "learning" if found is None else "growing" if found.expected is not None else "steady",
        "level": found.level if found else None,
        "limit": found.limit if found else None,
        "growth_per_day": found.growth_per_day if found else None,
        "season": found.season if found else None,
        "history_days": round(found.history_seconds / DAY, 2) if found else None,
        "early_at": times.get("early_at"),
        "expected_at": times.get("expected_at"),
        "late_at": times.get("late_at"),
        "made_at": one.at,
    }


def _due(one: Forecasted) -> float:
    far = float("inf")
    return far if one.forecast is None or one.forecast.expected is None else one.forecast.expected
