"""Forecasts: right on growth with a season, honest about what is not known."""

import math
import random
from statistics import median

import pytest

from controlplane.domain.forecast import DAY, HOUR, WEEK, forecast

NOW = 1_700_006_400.0  # midnight of a Wednesday, UTC
LIMIT = 1000.0
Series = tuple[list[float], list[float]]


def growing(seed: int, days: float, per_day: float, daily: float, weekly: float, noise: float, start: float) -> Series:
    """Hourly samples up to NOW: a line, a wave a day, less growth at weekends, noise and a few absurd values."""
    rng = random.Random(seed)
    times, values = [], []
    for hour in range(int(days * 24)):
        at = NOW - days * DAY + hour * HOUR
        value = start + per_day * hour / 24
        value += daily * math.sin(2 * math.pi * at / DAY) + weekly * math.sin(2 * math.pi * at / WEEK)
        value += rng.gauss(0, noise) + (rng.choice((-1, 1)) * 30 * noise if rng.random() < 0.01 else 0)
        times.append(at)
        values.append(value)
    return times, values


def truth(per_day: float, daily: float, weekly: float, start: float, days: float) -> float:
    """When the noiseless series reaches the limit first."""
    hour = 0
    while True:
        at = NOW + hour * HOUR
        value = start + per_day * (days + hour / 24)
        value += daily * math.sin(2 * math.pi * at / DAY) + weekly * math.sin(2 * math.pi * at / WEEK)
        if value >= LIMIT:
            return at
        hour += 1


def predict_linear(times: list[float], values: list[float], window: float) -> float | None:
    """Prometheus's predict_linear: least squares over a window, solved for the limit."""
    pairs = [(at - NOW, value) for at, value in zip(times, values, strict=True) if at > NOW - window]
    mean_x, mean_y = sum(x for x, _ in pairs) / len(pairs), sum(y for _, y in pairs) / len(pairs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / sum((x - mean_x) ** 2 for x, _ in pairs)
    if slope <= 0:
        return None
    return NOW + (LIMIT - (mean_y - slope * mean_x)) / slope


def test_seasonal_growth_is_forecast_better_than_by_predict_linear() -> None:
    """Medians over 40 series of the error in days; a rival that sees no growth is counted as 90 days out."""
    errors: dict[str, list[float]] = {}
    inside = 0
    for seed in range(40):
        rng = random.Random(1000 + seed)
        shape = {
            "per_day": rng.uniform(5, 20),
            "daily": rng.uniform(10, 60),
            "weekly": rng.uniform(0, 60),
            "start": rng.uniform(200, 400),
        }
        times, values = growing(seed, days=21, noise=3, **shape)
        due = truth(days=21, **shape)
        ours = forecast(times, values, LIMIT, NOW, horizon_seconds=200 * DAY)
        assert ours is not None and ours.expected is not None and ours.early is not None
        inside += ours.early <= due <= (ours.late or math.inf)
        errors.setdefault("ours", []).append(abs(ours.expected - due) / DAY)
        for name, window in (("6h", 6 * HOUR), ("1d", DAY), ("4d", 4 * DAY), ("7d", WEEK)):
            theirs = predict_linear(times, values, window)
            error = 90.0 if theirs is None else min(90.0, abs(theirs - due) / DAY)
            errors.setdefault(name, []).append(error)
    medians = {name: median(found) for name, found in errors.items()}
    assert medians["ours"] < 1.0
    assert all(medians["ours"] < medians[name] / 2 for name in ("6h", "1d", "4d", "7d")), medians
    assert inside >= 30, f"{inside} of 40 within the interval that should hold 32"


def test_a_steady_line_is_met_to_the_hour() -> None:
    times = [NOW - 10 * DAY + hour * HOUR for hour in range(240)]
    found = forecast(times, [500 + 2 * (at - NOW) / HOUR for at in times], LIMIT, NOW)
    assert found is not None and found.expected is not None
    assert abs(found.expected - (NOW + 250 * HOUR)) <= 2 * HOUR
    assert found.growth_per_day == pytest.approx(48) and found.season == "day"


@pytest.mark.parametrize(
    ("days", "season"), [(1, "none"), (3, "day"), (15, "week")], ids=["a day", "three days", "two weeks"]
)
def test_the_season_is_what_the_history_can_tell(days: float, season: str) -> None:
    found = forecast(*growing(1, days, 10, 20, 0, 1, 100), LIMIT, NOW)
    assert found is not None and found.season == season


def test_what_does_not_grow_is_never_full() -> None:
    found = forecast(*growing(1, 21, 0, 20, 20, 1, 100), LIMIT, NOW)
    assert found is not None
    assert found.expected is None and found.late is None
    shrinking = forecast(*growing(1, 21, -5, 20, 20, 1, 400), LIMIT, NOW)
    assert shrinking is not None and shrinking.expected is None and shrinking.growth_per_day < 0


def test_what_is_full_is_full_now() -> None:
    found = forecast(*growing(1, 21, 5, 0, 0, 1, 1100), LIMIT, NOW)
    assert found is not None and found.early == found.expected == NOW


def test_too_little_is_no_forecast() -> None:
    times = [NOW - hour * HOUR for hour in range(10, 0, -1)]
    assert forecast(times, times, LIMIT, NOW) is None
    assert forecast([], [], LIMIT, NOW) is None


def test_bad_values_gaps_and_old_samples_do_no_harm() -> None:
    times, values = growing(1, 21, 10, 20, 20, 1, 300)
    clean = forecast(times, values, LIMIT, NOW)
    values = [math.nan if number % 50 == 0 else value for number, value in enumerate(values)]
    times, values = times[:100] + times[180:], values[:100] + values[180:]
    holed = forecast([NOW - 300 * DAY, *times], [1e12, *values], LIMIT, NOW)
    assert clean is not None and holed is not None and clean.expected is not None and holed.expected is not None
    assert abs(clean.expected - holed.expected) < 2 * DAY


def test_a_cleaned_up_disk_is_forecast_from_where_it_is() -> None:
    times, values = growing(1, 21, 10, 0, 0, 1, 500)
    cleaned = [value - 300 if at > NOW - 3 * DAY else value for at, value in zip(times, values, strict=True)]
    found = forecast(times, cleaned, LIMIT, NOW)
    assert found is not None and found.level == pytest.approx(410, abs=15)
