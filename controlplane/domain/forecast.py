"""When is it full: a robust trend, the learnt season, and an interval.

The trend is the median of slopes between samples a whole season apart (Hirsch, Slack and Smith 1982, "seasonal Kendall
slope"), so that neither the hour of the day nor the day of the week bends it, and outliers do not either. The season is
the median by phase of what the trend leaves. The interval comes from how differently the seasons grew.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isfinite, sqrt
from statistics import linear_regression, median
from typing import Literal

HOUR = 3600.0
DAY = 86_400.0
WEEK = 7 * DAY
# 80 % of the ways it may go lie between the bounds.
_QUANTILE = 1.2816
_MAD_TO_DEVIATION = 1.4826
_LEAST_SAMPLES = 12
_LONGEST_HISTORY = 4 * WEEK
Moment = float | None
Season = Literal["none", "day", "week"]
_PERIODS: dict[Season, float] = {"none": 0.0, "day": DAY, "week": WEEK}


@dataclass(frozen=True)
class Resource:
    """Something that can be full. ``limit`` is a number, or a query whose series carry the same labels as ``used``."""

    name: str
    used: str
    limit: str
    title: str
    title_zh: str
    unit: str = ""
    service: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forecast:
    """``early``, ``expected`` and ``late`` are seconds since 1970, None beyond the horizon. Values have one unit.

    ``straight`` is what a straight line through the last day says, as ``predict_linear`` does: the baseline.
    """

    level: float
    limit: float
    growth_per_day: float
    season: Season
    history_seconds: float
    early: float | None
    expected: float | None
    late: float | None
    straight: float | None = None


@dataclass(frozen=True)
class _Model:
    """Value at ``now`` without season, slope per second, season by hour of its period, and how sure all this is."""

    level: float
    slope: float
    season: Season
    shape: tuple[float, ...]
    slope_error: float
    wander: float
    noise: float

    def mean(self, now: float, ahead: float) -> float:
        """The expected value ``ahead`` seconds after ``now``."""
        return self.level + self.slope * ahead + self._of_season(now + ahead)

    def deviation(self, ahead: float) -> float:
        """Its standard deviation: an unsure slope, growth that differs from season to season, noise."""
        wandered = self.wander * self.wander * ahead / DAY
        return sqrt((self.slope_error * ahead) ** 2 + wandered + self.noise * self.noise)

    def _of_season(self, at: float) -> float:
        return self.shape[int(at // HOUR) % len(self.shape)] if self.shape else 0.0


def forecast(
    times: Sequence[float], values: Sequence[float], limit: float, now: float, horizon_seconds: float = 90 * DAY
) -> Forecast | None:
    """When a quantity that may grow reaches ``limit``; None when there is too little to say (half a day of samples).

    ``times`` are seconds since 1970, ascending, at most ``now``; at most the last four weeks count.
    """
    hours = _hourly(times, values, now)
    if len(hours) < _LEAST_SAMPLES:
        return None
    span = hours[-1][0] - hours[0][0]
    season: Season = "week" if span >= 2 * WEEK else "day" if span >= 2 * DAY else "none"
    model = _fit(hours, season, now)
    early, expected, late = _crossings(model, limit, now, horizon_seconds)
    return Forecast(
        level=model.level + model._of_season(now),
        limit=limit,
        growth_per_day=model.slope * DAY,
        season=season,
        history_seconds=span,
        early=early,
        expected=expected,
        late=late,
        straight=_straight(hours, limit, now, horizon_seconds),
    )


def _straight(hours: Sequence[tuple[float, float]], limit: float, now: float, horizon: float) -> float | None:
    """When the least squares line through the last day reaches the limit; None beyond the horizon."""
    points = [(at - now, value) for at, value in hours if at > now - DAY]
    if len(points) < 2:
        return None
    slope, intercept = linear_regression([at for at, _ in points], [value for _, value in points])
    if intercept >= limit:
        return now
    ahead = (limit - intercept) / slope if slope > 0.0 else horizon + 1.0
    return now + ahead if ahead <= horizon else None


def _hourly(times: Sequence[float], values: Sequence[float], now: float) -> list[tuple[float, float]]:
    """The median of each hour, at the middle of it."""
    hours: dict[int, list[float]] = {}
    for at, value in zip(times, values, strict=True):
        if isfinite(value) and now - _LONGEST_HISTORY <= at <= now:
            hours.setdefault(int(at // HOUR), []).append(value)
    return [((hour + 0.5) * HOUR, median(found)) for hour, found in sorted(hours.items())]


def _fit(hours: Sequence[tuple[float, float]], season: Season, now: float) -> _Model:
    slopes = _slopes(hours, _PERIODS[season])
    slope = median(slopes) if slopes else 0.0
    flat = [(at, value - slope * (at - now)) for at, value in hours]
    shape = _shape(flat, season)
    rest = [(at, value - (shape[int(at // HOUR) % len(shape)] if shape else 0.0)) for at, value in flat]
    recent = [value for at, value in rest if at > now - DAY] or [value for _, value in rest[-_LEAST_SAMPLES:]]
    level = median(recent)
    growth = _daily_growth(rest)
    wander = _deviation(growth)
    return _Model(
        level=level,
        slope=slope,
        season=season,
        shape=shape,
        slope_error=wander / sqrt(len(growth)) / DAY if growth else _deviation(slopes),
        wander=wander,
        noise=_deviation([value - level for value in recent]),
    )


def _slopes(hours: Sequence[tuple[float, float]], period: float) -> list[float]:
    """Slopes between samples whole periods apart; without a period, between samples at least a third apart."""
    if period == 0.0:
        apart = max(1, len(hours) // 3)
        return [
            (later[1] - earlier[1]) / (later[0] - earlier[0])
            for number, earlier in enumerate(hours)
            for later in hours[number + apart :]
        ]
    by_time = dict(hours)
    count = int((hours[-1][0] - hours[0][0]) // period)
    return [
        (by_time[at + number * period] - value) / (number * period)
        for at, value in hours
        for number in range(1, count + 1)
        if at + number * period in by_time
    ]


def _shape(flat: Sequence[tuple[float, float]], season: Season) -> tuple[float, ...]:
    """The season by hour of its period, centred on 0; hours never seen are 0."""
    length = int(_PERIODS[season] // HOUR)
    if not length:
        return ()
    middle = median(value for _, value in flat)
    phases: list[list[float]] = [[] for _ in range(length)]
    for at, value in flat:
        phases[int(at // HOUR) % length].append(value - middle)
    return tuple(median(found) if found else 0.0 for found in phases)


def _daily_growth(rest: Sequence[tuple[float, float]]) -> list[float]:
    """How much each day departed from the trend, by the medians of whole days."""
    first, last = rest[0][0], rest[-1][0]
    times = [at for at, _ in rest]
    days = []
    for number in range(int((last - first) // DAY)):
        inside = rest[bisect_left(times, first + number * DAY) : bisect_right(times, first + (number + 1) * DAY)]
        if inside:
            days.append(median(value for _, value in inside))
    return [later - earlier for earlier, later in pairwise(days)]


def _deviation(values: Sequence[float]) -> float:
    """A robust standard deviation; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    middle = median(values)
    return _MAD_TO_DEVIATION * median(abs(value - middle) for value in values)


def _crossings(
    model: _Model, limit: float, now: float, horizon: float
) -> tuple[float | None, float | None, float | None]:
    """The first hours at which the upper bound, the mean and the lower bound reach the limit."""
    found: list[float | None] = [None, None, None]
    for step in range(ceil(horizon / HOUR) + 1):
        ahead = step * HOUR
        mean, spread = model.mean(now, ahead), _QUANTILE * model.deviation(ahead)
        for number, bound in enumerate((mean + spread, mean, mean - spread)):
            if found[number] is None and bound >= limit:
                found[number] = now + ahead
        if found[2] is not None:
            break
    return found[0], found[1], found[2]
