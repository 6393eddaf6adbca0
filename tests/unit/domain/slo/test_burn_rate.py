"""Burn rates, pairs and their scaling, time to exhaustion."""

import pytest

from controlplane.domain.slo.burn_rate import burn_rate, burn_rate_pairs, seconds_to_exhaustion, trend
from controlplane.domain.slo.quantities import Quantities

DAY = 86_400.0
MINUTE = 60.0


def _minutes(period_days: float) -> list[tuple[str, float, float, float]]:
    pairs = burn_rate_pairs(period_days * DAY, 15)
    return [(one.severity, one.factor, one.long_seconds / MINUTE, one.short_seconds / MINUTE) for one in pairs]


@pytest.mark.parametrize(
    ("days", "windows"),
    [
        (30, [(60, 5), (360, 30), (1440, 120), (4320, 360)]),
        (7, [(14, 1), (84, 7), (336, 28), (1008, 84)]),
        (1, [(2, 1), (12, 1), (48, 4), (144, 12)]),
        (90, [(180, 15), (1080, 90), (4320, 360), (12960, 1080)]),
    ],
)
def test_the_windows_follow_the_period_and_the_factors_stay(days: float, windows: list[tuple[float, float]]) -> None:
    factors = [("page", 14.4), ("page", 6), ("ticket", 3), ("ticket", 1)]
    assert _minutes(days) == [(*factor, *pair) for factor, pair in zip(factors, windows, strict=True)]


def test_short_windows_hold_four_samples() -> None:
    assert min(pair.short_seconds for pair in burn_rate_pairs(DAY, 60)) == 240


@pytest.mark.parametrize(
    ("good", "bad", "rate"), [(999, 1, 1.0), (1000, 0, 0.0), (0, 10, 1000.0), (9856, 144, 14.4), (0, 0, None)]
)
def test_burn_rate(good: float, bad: float, rate: float | None) -> None:
    result = burn_rate(Quantities("events", good, bad), 0.001)
    assert result == (None if rate is None else pytest.approx(rate))


@pytest.mark.parametrize(
    ("case", "remaining", "rate", "seconds"),
    [
        ("a full budget at rate 1 lasts the period", 1.0, 1.0, 30 * DAY),
        ("half of it at rate 14.4 lasts 25 hours", 0.5, 14.4, 25 * 3600),
        ("at rate 0 it never ends", 0.5, 0.0, None),
        ("nothing known of the rate", 0.5, None, None),
        ("gone already", -0.2, 0.0, 0.0),
        ("nothing known", None, 1.0, None),
    ],
)
def test_time_to_exhaustion(case: str, remaining: float | None, rate: float | None, seconds: float | None) -> None:
    result = seconds_to_exhaustion(remaining, rate, 30 * DAY)
    assert result == (None if seconds is None else pytest.approx(seconds)), case


@pytest.mark.parametrize(
    ("now", "before", "answer"),
    [
        (2, 1, "rising"),
        (1, 2, "falling"),
        (1.05, 1, "steady"),
        (0, 0, "steady"),
        (None, 1, "unknown"),
        (1, None, "unknown"),
    ],
)
def test_trend(now: float | None, before: float | None, answer: str) -> None:
    assert trend(now, before) == answer
