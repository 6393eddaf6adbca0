"""Gauges on the grid, computed by hand: 15 s slots, a sample vouches for 45 s."""

from math import nan

import numpy as np
import pytest

from controlplane.domain.slo.gauge import freshness_slots, gauge_slots
from controlplane.domain.slo.grid import Series
from controlplane.domain.slo.objective import FreshnessIndicator, GaugeIndicator
from controlplane.domain.slo.quantities import exclusion_mask, tally
from controlplane.domain.slo.selector import parse_selector
from tests.support.samples import STEP, series, slots

UP = parse_selector("up")
STALENESS = 45_000
ONE, TWO = {"instance": "one"}, {"instance": "two"}


@pytest.mark.parametrize(
    ("case", "values", "good", "bad", "unknown"),
    [
        ("always up", [1] * 8, 120, 0, 0),
        ("down for two scrapes", [1, 1, 0, 0, 1, 1, 1, 1], 90, 30, 0),
        ("two missed scrapes are bridged by staleness", [1, None, None, 1, 1, 1, 1, 1], 120, 0, 0),
        ("the third is unknown", [1, None, None, None, 1, 1, 1, 1], 105, 0, 15),
        ("a bad value holds as long as a good one", [0, None, None, None, 1, 1, 1, 1], 60, 45, 15),
        ("NaN is unknown until the next sample", [1, 1, nan, 1, 1, 1, 1, 1], 105, 0, 15),
        ("one NaN poisons nothing else", [1, nan, nan, 0, 1, 1, 1, 1], 75, 15, 30),
        ("a service younger than the window", [None] * 5 + [1, 1, 0], 30, 15, 75),
        ("no samples at all", [], 0, 0, 120),
        ("a longer scrape interval within staleness", [1, None, 0, None, 1, None, 1, None], 90, 30, 0),
        ("a scrape interval longer than staleness leaves gaps", [1, None, None, None, 0, None, None, None], 45, 45, 30),
    ],
)
def test_one_series(case: str, values: list[float | None], good: float, bad: float, unknown: float) -> None:
    result = tally(gauge_slots(GaugeIndicator(UP), [series(values)], slots(8), STALENESS), "seconds")
    assert (result.good, result.bad, result.unknown) == (good, bad, unknown), case


@pytest.mark.parametrize(
    ("instances", "expected", "good", "bad", "unknown"),
    [
        # One is up for four slots; two is down for one slot and missing for the last.
        ("mean", None, 52.5, 7.5, 0),
        ("all", None, 45, 15, 0),
        ("any", None, 60, 0, 0),
        ("mean", 2, 45, 7.5, 7.5),
        ("all", 2, 30, 15, 15),
        ("any", 2, 60, 0, 0),
        ("mean", 4, 22.5, 3.75, 33.75),
        ("all", 3, 0, 15, 45),
    ],
)
def test_several_series(instances: str, expected: int | None, good: float, bad: float, unknown: float) -> None:
    indicator = GaugeIndicator(UP, instances=instances, expected_instances=expected)  # type: ignore[arg-type]
    both = [series([1, 1, 1, 1], ONE), series([1, 0, 1, None], TWO)]
    result = tally(gauge_slots(indicator, both, slots(4), staleness=STEP), "seconds")
    assert (result.good, result.bad, result.unknown) == pytest.approx((good, bad, unknown))


@pytest.mark.parametrize(
    ("comparison", "value", "good"),
    [("gte", 2, 30), ("gt", 2, 15), ("lte", 2, 30), ("lt", 2, 15), ("eq", 2, 15), ("ne", 2, 30)],
)
def test_comparisons(comparison: str, value: float, good: float) -> None:
    indicator = GaugeIndicator(UP, comparison, value)  # type: ignore[arg-type]
    assert tally(gauge_slots(indicator, [series([1, 2, 3])], slots(3), STALENESS), "seconds").good == good


def test_a_sample_on_the_end_of_a_slot_belongs_to_it() -> None:
    one = Series(ONE, np.array([STEP], dtype=np.int64), np.array([0.0]))
    result = gauge_slots(GaugeIndicator(UP), [one], slots(2), staleness=STEP)
    assert (result.bad.tolist(), result.known.tolist()) == ([15, 0], [1, 0])


def test_a_shorter_scrape_interval_gives_its_time_no_more_weight() -> None:
    """Scraped every 5 seconds and up for a minute, then every 15 seconds and down for a minute."""
    moments = np.array([*range(5000, 60_001, 5000), *range(75_000, 120_001, 15_000)], dtype=np.int64)
    one = Series(ONE, moments, (moments <= 60_000).astype(float))
    result = tally(gauge_slots(GaugeIndicator(UP), [one], slots(8), STALENESS), "seconds")
    assert (result.good, result.bad, result.unknown) == (60, 60, 0)


def test_overlapping_maintenance_is_excluded_once_and_is_nothing_else() -> None:
    judged = gauge_slots(GaugeIndicator(UP), [series([1, 0, 0, 0, 1, None, None, None])], slots(8), staleness=STEP)
    excluded = exclusion_mask(slots(8), [(STEP, 3 * STEP), (2 * STEP, 4 * STEP), (7 * STEP, 99 * STEP)])
    result = tally(judged, "seconds", excluded)
    assert (result.good, result.bad, result.unknown, result.excluded) == (30, 0, 30, 60)


def test_freshness_follows_the_newest_timestamp() -> None:
    # Slots end at 15, 30, 45, 60 s. The older series says 0 throughout; the newer says 20 from the second slot on.
    older, newer = series([0, 0, 0, 0], ONE), series([None, 20, 20, 20], TWO)
    result = freshness_slots(FreshnessIndicator(UP, 20), [older, newer], slots(5), staleness=STEP)
    assert result.good.tolist() == [15, 15, 0, 0, 0]
    assert result.bad.tolist() == [0, 0, 15, 15, 0]
    assert result.known.tolist() == [1, 1, 1, 1, 0]
