"""Things that go wrong, put into an ordinary series at a given place.

Each function changes ``values`` from ``start`` on, sized by the usual spread of the series, and returns the number of
samples the incident lasts.
"""

from collections.abc import Callable

import numpy as np

from tests.bench.series.shapes import Array

Incident = Callable[[np.random.Generator, Array, int, float, int], int]


def spike(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """One to three samples far beyond anything seen."""
    length = int(rng.integers(1, 4))
    top = np.quantile(values, 0.999) - np.median(values)
    values[start : start + length] += rng.choice([1.0, 1.0, -1.0]) * rng.uniform(1.5, 4) * max(top, 4 * spread)
    return length


def surge(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """Fast rise, slow decay."""
    length = int(rng.integers(12, max(13, room // 2)))
    top = np.quantile(values, 0.99) - np.median(values)
    decay = np.exp(-np.arange(length) / (length / 4))
    values[start : start + length] += rng.uniform(1.5, 4) * max(top, 3 * spread) * decay
    return length


def level_up(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """A lasting rise, back after a while."""
    length = int(rng.integers(room // 2, room))
    values[start : start + length] += rng.uniform(3, 7) * spread
    return length


def level_change(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """A level that never comes back."""
    values[start:] += rng.choice([-1.0, 1.0]) * rng.uniform(3, 7) * spread
    return room


def outage(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """Down to the lowest value, and flat."""
    length = int(rng.integers(room // 6, room // 2))
    values[start : start + length] = min(values.min(), 0.0) if values.min() < 3 * spread else values.min()
    return length


def restless(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """The noise grows."""
    length = int(rng.integers(room // 3, room))
    values[start : start + length] += rng.normal(0, rng.uniform(2.5, 5) * spread, length)
    return length


def stuck(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """A sensor that repeats its last value."""
    length = int(rng.integers(room // 2, room))
    values[start : start + length] = values[start]
    return length


def drift(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """A leak: grows all the time until the restart."""
    length = int(rng.integers(room // 2, room))
    values[start : start + length] += np.linspace(0, rng.uniform(6, 12) * spread, length)
    return length


def lost_shape(rng: np.random.Generator, values: Array, start: int, spread: float, room: int) -> int:
    """The usual shape is missing: noise about the mean instead."""
    length = room
    stretch = values[start : start + length]
    values[start : start + length] = values[max(0, start - 300) : start].mean() + 0.15 * (
        rng.permutation(stretch) - stretch.mean()
    )
    return length


INCIDENTS: dict[str, Incident] = {
    incident.__name__: incident
    for incident in (spike, surge, level_up, level_change, outage, restless, stuck, drift, lost_shape)
}
