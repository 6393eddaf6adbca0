"""Labelled series: a part to tune on, and a part of other shapes and other seeds that is only reported."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tests.bench.series.incidents import INCIDENTS
from tests.bench.series.shapes import HELD, TUNING, Array, Shape

_WINDOW_SHARE = 0.1


@dataclass(frozen=True)
class LabelledSeries:
    """A series and the stretches, as pairs of positions, in which an alarm is right."""

    name: str
    timestamps: Array
    values: Array
    windows: tuple[tuple[int, int], ...]
    incidents: tuple[str, ...]


def tuning(copies: int = 8) -> Iterator[LabelledSeries]:
    """The part parameters were chosen on."""
    return _part(TUNING, copies, seed=11)


def held(copies: int = 10) -> Iterator[LabelledSeries]:
    """The part that is only reported: shape families and seeds the parameters never saw."""
    return _part(HELD, copies, seed=977)


def clean(shape: Shape, count: int, seed: int) -> LabelledSeries:
    """A series of one shape without any incident."""
    timestamps, values = shape(np.random.default_rng(seed), count)
    return LabelledSeries(shape.__name__, timestamps, values, (), ())


def _part(shapes: Mapping[str, Shape], copies: int, seed: int) -> Iterator[LabelledSeries]:
    for name, shape in shapes.items():
        for copy in range(copies):
            rng = np.random.default_rng([seed, copy, zlib.crc32(name.encode())])
            yield _labelled(f"{name}_{copy}", shape, rng)


def _labelled(name: str, shape: Shape, rng: np.random.Generator) -> LabelledSeries:
    count = int(rng.choice([1600, 4032, 4032, 4032, 8000, 15000]))
    timestamps, values = shape(rng, count)
    number = int(rng.choice([0, 1, 1, 2, 2, 3]))
    if not number:
        return LabelledSeries(name, timestamps, values, (), ())
    width = int(_WINDOW_SHARE * count / number)
    spread = float(np.abs(np.diff(values)).mean() + 0.3 * np.abs(values - np.median(values)).mean()) or 1.0
    first = max(int(0.2 * count), 450)
    starts = first + np.sort(rng.choice(np.arange(0, count - first - 2 * width, width * 2), number, replace=False))
    windows, kinds = [], []
    for start in starts:
        kind = str(rng.choice(list(INCIDENTS)))
        begin = int(start) + width // 4
        INCIDENTS[kind](rng, values, begin, spread, width - width // 4)
        windows.append((int(start), int(start) + width))
        kinds.append(kind)
    return LabelledSeries(name, timestamps, values, tuple(windows), tuple(kinds))
