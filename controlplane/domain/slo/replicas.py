"""Series that two Prometheus servers recorded of the same target: one is believed, the other fills its gaps.

Samples are never mixed, since two servers read a counter at slightly different
moments and a mixture would show resets that never happened.
"""

from collections.abc import Sequence

import numpy as np

from controlplane.domain.slo.grid import Series


def merge_replicas(series: Sequence[Series], replica_labels: Sequence[str], max_gap: int) -> list[Series]:
    """One series per target: replica labels dropped, gaps longer than ``max_gap`` (ms) filled from the others.

    The replica with the most samples is believed first; among equals, the one whose labels sort first.
    """
    if not replica_labels:
        return list(series)
    groups: dict[tuple[tuple[str, str], ...], list[Series]] = {}
    for one in series:
        key = tuple(sorted((name, value) for name, value in one.labels.items() if name not in replica_labels))
        groups.setdefault(key, []).append(one)
    return [_merge(dict(key), members, max_gap) for key, members in sorted(groups.items())]


def _merge(labels: dict[str, str], members: list[Series], max_gap: int) -> Series:
    ranked = sorted(members, key=lambda one: (-one.timestamps.size, sorted(one.labels.items())))
    merged = Series(labels, ranked[0].timestamps, ranked[0].values)
    for other in ranked[1:]:
        merged = _fill(merged, other, max_gap)
    return merged


def _fill(base: Series, other: Series, max_gap: int) -> Series:
    """``base`` with the samples of ``other`` that lie inside its gaps (or before or after all of it)."""
    position = np.searchsorted(base.timestamps, other.timestamps, side="right")
    edges = np.concatenate(([np.iinfo(np.int64).min // 2], base.timestamps, [np.iinfo(np.int64).max // 2]))
    before, after = edges[position], edges[position + 1]
    inside = (after - before > max_gap) & (other.timestamps > before)
    if not bool(inside.any()):
        return base
    timestamps = np.concatenate((base.timestamps, other.timestamps[inside]))
    values = np.concatenate((base.values, other.values[inside]))
    order = np.argsort(timestamps, kind="stable")
    return Series(base.labels, timestamps[order], values[order])
