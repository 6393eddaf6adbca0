"""Short notations for series in tests."""

from collections.abc import Mapping, Sequence

import numpy as np

from controlplane.domain.slo.grid import Grid, Series

STEP = 15_000


def series(values: Sequence[float | None], labels: Mapping[str, str] | None = None, start: int = 0) -> Series:
    """Samples 1 ms before the ends of consecutive 15 s slots from ``start`` (slot number) on; None leaves one out."""
    pairs = [((start + i + 1) * STEP - 1, value) for i, value in enumerate(values) if value is not None]
    timestamps = np.array([at for at, _ in pairs], dtype=np.int64)
    return Series(labels or {"job": "j", "instance": "i"}, timestamps, np.array([value for _, value in pairs], float))


def slots(count: int) -> Grid:
    """The first ``count`` slots of 15 s."""
    return Grid.between(0, count * STEP, STEP)
