"""Quantiles of buckets by hand, and slices judged by them."""

from math import inf, isnan

import numpy as np
import pytest

from controlplane.domain.slo.histogram import quantile, quantile_slots
from controlplane.domain.slo.objective import QuantileIndicator
from controlplane.domain.slo.quantities import tally
from controlplane.domain.slo.selector import parse_selector
from tests.support.samples import series, slots


@pytest.mark.parametrize(
    ("case", "wanted", "counts", "value"),
    [
        ("in the middle of the second bucket", 0.75, {0.1: 50, 0.2: 100, inf: 100}, 0.15),
        ("the first bucket begins at zero", 0.25, {0.1: 50, 0.2: 100, inf: 100}, 0.05),
        ("above the last bound it is that bound", 0.99, {0.1: 50, 0.2: 60, inf: 100}, 0.2),
        ("a bucket that is less than the one below", 0.5, {0.1: 60, 0.2: 50, inf: 100}, 0.1 * 50 / 60),
    ],
)
def test_quantile(case: str, wanted: float, counts: dict[float, float], value: float) -> None:
    columns = {bound: np.array([float(count)]) for bound, count in counts.items()}
    assert quantile(wanted, columns, 1)[0] == pytest.approx(value), case


@pytest.mark.parametrize("counts", [{0.1: 0, inf: 0}, {0.1: 5}, {0.1: 5, 0.2: 6}, {}])
def test_no_quantile_without_events_or_without_the_infinite_bucket(counts: dict[float, float]) -> None:
    columns = {bound: np.array([float(count)]) for bound, count in counts.items()}
    assert isnan(quantile(0.5, columns, 1)[0])


def test_slices_are_good_bad_idle_or_unknown() -> None:
    # Slices of 60 s: fast, slow, no events, nobody looked.
    fast = series([0, 5, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10], {"le": "0.1"})
    every = series([0, 5, 10, 10, 10, 20, 20, 20, 20, 20, 20, 20], {"le": "+Inf"})
    slow = series([0, 5, 10, 10, 10, 20, 20, 20, 20, 20, 20, 20], {"le": "1"})
    indicator = QuantileIndicator(parse_selector("h"), 0.9, 0.5, 60)
    result = tally(quantile_slots(indicator, [fast, slow, every], slots(16), 15_000, 15_000), "seconds")
    assert (result.good, result.bad, result.idle_seconds, result.unknown) == (60, 60, 60, 60)
    assert (result.excluded, result.coverage) == (60, pytest.approx(2 / 3))
