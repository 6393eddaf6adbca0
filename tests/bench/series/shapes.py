"""Shapes of ordinary life: what series of each family look like when nothing is wrong.

Each function takes a random generator and a number of samples and returns timestamps (seconds) and values.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = Callable[[np.random.Generator, int], tuple[Array, Array]]
DAY = 86400.0
_START = 1_700_000_000.0


def _clock(rng: np.random.Generator, count: int, cadence: float = 300.0) -> Array:
    start = _START + rng.integers(0, 7 * 24) * 3600.0
    return start + cadence * np.arange(count, dtype=float)


def _phase(times: Array, period: float = DAY) -> Array:
    return np.asarray(2 * np.pi * (times % period) / period)


def _weekend(times: Array) -> Array:
    return np.asarray(((times // DAY + 4) % 7) >= 5, dtype=float)


def _ar(rng: np.random.Generator, count: int, share: float, size: float = 1.0) -> Array:
    noise = rng.normal(0, size * np.sqrt(1 - share**2), count)
    values = np.empty(count)
    last = 0.0
    for position in range(count):
        last = share * last + noise[position]
        values[position] = last
    return values


def _daily(rng: np.random.Generator, times: Array) -> Array:
    phase = _phase(times)
    first, second = rng.uniform(0, 2 * np.pi, 2)
    return np.asarray(np.sin(phase + first) + rng.uniform(0, 0.6) * np.sin(2 * phase + second))


def _bursts(rng: np.random.Generator, count: int, every: float, tail: float) -> Array:
    hits = rng.random(count) < 1 / every
    return np.asarray(np.where(hits, rng.pareto(tail, count) + 0.5, 0.0))


def web_latency(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Milliseconds, slower by day, multiplicative noise, an occasional slow sample."""
    times = _clock(rng, count)
    base = rng.uniform(40, 200) * (1 + 0.25 * _daily(rng, times))
    return times, base * np.exp(rng.normal(0, 0.08, count)) + base * _bursts(rng, count, 400, 3.0)


def web_traffic(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Requests per interval, daily and weekly, Poisson noise."""
    times = _clock(rng, count)
    mean = rng.uniform(50, 3000) * (1.3 + _daily(rng, times) / 1.6) * (1 - 0.4 * _weekend(times))
    return times, rng.poisson(np.maximum(mean, 0.5)).astype(float)


def passengers(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Counts each half hour, sharp rush hours on working days, late weekends."""
    times = _clock(rng, count, 1800.0)
    hour = (times % DAY) / 3600
    rush = np.exp(-((hour - 8.5) ** 2) / 3) + np.exp(-((hour - 18) ** 2) / 5)
    leisure = 0.8 * np.exp(-((hour - 14) ** 2) / 20) + 0.7 * np.exp(-(((hour + 1) % 24) ** 2) / 6)
    weekend = _weekend(times)
    shape = 0.15 + rush * (1 - weekend) + leisure * weekend + 0.4 * np.exp(-((hour - 13) ** 2) / 18)
    return times, np.round(rng.uniform(2e3, 2e4) * shape * (1 + 0.05 * _ar(rng, count, 0.7)))


def cpu_idle(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Per cent: a quiet machine, small noise, a cron job each hour."""
    times = _clock(rng, count)
    cron = np.where((times % 3600) < 300, rng.uniform(2, 10), 0.0)
    return times, np.round(
        rng.uniform(0.5, 8) + np.abs(rng.normal(0, 0.2, count)) + cron * rng.uniform(0.7, 1, count), 3
    )


def cpu_busy(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Per cent: correlated load that now and then saturates, normally."""
    times = _clock(rng, count)
    load = 45 + 15 * _ar(rng, count, 0.9) + 30 * np.clip(_bursts(rng, count, 150, 2.0), 0, 2)
    return times, np.clip(load, 0, 100)


def queue_length(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """A queue that empties and fills: many zeros, bursts that drain slowly."""
    times = _clock(rng, count)
    arrivals = rng.poisson(0.3, count) + np.round(4 * _bursts(rng, count, 120, 2.5))
    values = np.empty(count)
    last = 0.0
    for position in range(count):
        last = max(0.0, 0.7 * last + arrivals[position] - 0.3)
        values[position] = round(last)
    return times, values


def disk_used(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Bytes used: growth by day, a clean-up each night."""
    times = _clock(rng, count)
    day = (times % DAY) / DAY
    grow = 1e9 * (times - times[0]) / DAY * rng.uniform(0.5, 3)
    return times, 2e11 + grow + 8e9 * day + 2e8 * _ar(rng, count, 0.8)


def network_bytes(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Bytes in: heavy-tailed bursts over a small floor."""
    times = _clock(rng, count)
    floor = rng.uniform(1e4, 1e6)
    return times, floor * (np.exp(rng.normal(0, 0.3, count)) + 6 * _bursts(rng, count, 40, 1.8))


def disk_writes(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Bytes written: flushes at irregular times, long runs of near nothing."""
    times = _clock(rng, count)
    busy = _ar(rng, count, 0.97) > 1.2
    return times, np.where(busy, rng.lognormal(14, 0.7, count), rng.lognormal(8, 0.5, count))


def click_cost(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Price of a click, hourly, log-normal."""
    times = _clock(rng, count, 3600.0)
    return times, rng.uniform(0.1, 2) * np.exp(0.35 * _ar(rng, count, 0.3) + 0.1 * _daily(rng, times))


def machine_temperature(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Degrees: wanders slowly about a set point."""
    times = _clock(rng, count)
    return times, rng.uniform(20, 90) + 4 * _ar(rng, count, 0.995) + 0.3 * rng.normal(0, 1, count)


def room_temperature(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Degrees, hourly: a day's swing on the weather's wandering."""
    times = _clock(rng, count, 3600.0)
    return times, 21 + 2 * _daily(rng, times) + 2.5 * _ar(rng, count, 0.99) + 0.2 * rng.normal(0, 1, count)


def mentions(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """How often a name is mentioned: daily shape, over-dispersed counts, small storms."""
    times = _clock(rng, count)
    mean = rng.uniform(3, 60) * np.exp(0.6 * _daily(rng, times) + 0.4 * _ar(rng, count, 0.95))
    return times, rng.poisson(mean * rng.gamma(4, 0.25, count) * (1 + 2 * _bursts(rng, count, 300, 2.0))).astype(float)


def memory_sawtooth(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Megabytes: rises until a collection, again and again, at no fixed period."""
    times = _clock(rng, count)
    values = np.empty(count)
    last, limit = 200.0, 900.0
    for position in range(count):
        last += rng.gamma(4, 3)
        if last > limit:
            last, limit = 200.0 + rng.normal(0, 15), 900 + rng.normal(0, 20)
        values[position] = last
    return times, values


def replica_state(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """A discrete state: mostly 3, sometimes 2 for a while during a rollout."""
    times = _clock(rng, count)
    rollout = (_ar(rng, count, 0.9) > 1.9).astype(float)
    return times, 3.0 - rollout


def error_ratio(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Failed share of requests: mostly nearly nothing, granular."""
    times = _clock(rng, count)
    requests = rng.poisson(400 * (1.3 + _daily(rng, times) / 1.6)) + 1
    return times, rng.binomial(requests, 0.004) / requests


def road_speed(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """A road sensor: irregular samples, rush-hour slowdowns of varying depth."""
    times = _clock(rng, count) + np.cumsum(rng.integers(0, 3, count) * 300.0)
    hour = (times % DAY) / 3600
    rush = np.exp(-((hour - 8) ** 2) / 1.5) + np.exp(-((hour - 17.5) ** 2) / 2)
    depth = np.abs(1 + 0.5 * _ar(rng, count, 0.98))
    return times, np.round(70 - 18 * rush * depth * (1 - _weekend(times)) + 3 * rng.normal(0, 1, count))


def autoscaled(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Load of a scaled group: levels that change several times a week, as they should."""
    times = _clock(rng, count)
    switches = rng.random(count) < 1 / 400
    level = rng.choice([20.0, 35.0, 50.0, 65.0], count)[np.maximum.accumulate(np.where(switches, np.arange(count), 0))]
    return times, level + 2 * _ar(rng, count, 0.5)


TUNING: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        web_latency,
        web_traffic,
        cpu_idle,
        cpu_busy,
        queue_length,
        disk_used,
        machine_temperature,
        network_bytes,
        replica_state,
        click_cost,
    )
}
HELD: dict[str, Shape] = {
    shape.__name__: shape
    for shape in (
        passengers,
        disk_writes,
        room_temperature,
        mentions,
        memory_sawtooth,
        error_ratio,
        road_speed,
        autoscaled,
    )
}
