"""Two Prometheus servers that scrape the same target."""

import numpy as np

from controlplane.domain.slo.events import counter_slots
from controlplane.domain.slo.grid import Series
from controlplane.domain.slo.quantities import tally
from controlplane.domain.slo.replicas import merge_replicas
from tests.support.samples import STEP, series, slots

A, B = ({"job": "j", "instance": "i", "replica": name} for name in "ab")


def test_duplicates_count_once() -> None:
    both = [series([10, 20, 30, 40], A), series([10, 20, 30, 40], B)]
    merged = merge_replicas(both, ["replica"], 45_000)
    assert [dict(one.labels) for one in merged] == [{"job": "j", "instance": "i"}]
    assert tally(counter_slots(merged, [], "bad", slots(4), 45_000, 90_000), "events").total == 30


def test_a_gap_of_one_is_filled_by_the_other_without_false_resets() -> None:
    # The second server reads the counter slightly earlier: mixing both would look like resets.
    believed = series([10, 20, None, None, None, None, 70, 80], A)
    other = series([None, 19, 29, 39, None, 59, None, None], B)
    (merged,) = merge_replicas([believed, other], ["replica"], 2 * STEP)
    assert merged.values.tolist() == [10, 20, 29, 39, 59, 70, 80]
    assert tally(counter_slots([merged], [], "bad", slots(8), 45_000, 90_000), "events").total == 70


def test_the_one_with_more_samples_is_believed() -> None:
    short, long = series([1, 1], A), series([5, 5, 5], B)
    (merged,) = merge_replicas([short, long], ["replica"], 45_000)
    assert merged.values.tolist() == [5, 5, 5]


def test_without_replica_labels_nothing_changes() -> None:
    both = [series([1], A), series([1], B)]
    assert merge_replicas(both, [], 45_000) == both


def test_an_empty_replica_is_filled_whole() -> None:
    empty = Series(A, np.array([], dtype=np.int64), np.array([]))
    (merged,) = merge_replicas([empty, series([1, 2], B)], ["replica"], 45_000)
    assert merged.values.tolist() == [1, 2]
