"""Generated data: series of several instances with gaps, resets, NaN, late starts and a changed scrape interval."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import nan

from tests.support.prometheus import SampleSeries

STEP_MS = 15_000
START_MS = 1_700_000_010_000 // STEP_MS * STEP_MS
DURATION_MS = 4 * 3_600_000
# Bounds of the histogram latency_seconds, ascending.
BOUNDS = ("0.1", "0.5", "+Inf")


@dataclass(frozen=True)
class Case:
    """One generated service; its series carry ``case``."""

    name: str
    seed: int


def cases(count: int) -> list[Case]:
    """Services with different fates."""
    return [Case(f"case{seed}", seed) for seed in range(count)]


def case_series(case: Case) -> Iterator[SampleSeries]:
    """All series of a service."""
    chance = random.Random(case.seed)
    for instance in range(chance.choice((1, 1, 2, 3))):
        yield from _instance_series(case, f"i{instance}", chance)


def _instance_series(case: Case, instance: str, chance: random.Random) -> Iterator[SampleSeries]:
    labels = {"job": "generated", "instance": instance, "case": case.name}
    up: list[tuple[int, float]] = []
    counters: dict[str, list[tuple[int, float]]] = {"ok": [], "error": []}
    histogram: dict[str, list[tuple[int, float]]] = {bound: [] for bound in (*BOUNDS, "")}
    events, backup = dict.fromkeys(histogram, 0.0), START_MS / 1000
    backups: list[tuple[int, float]] = []
    more = random.Random(f"{case.seed} {instance}")  # what came later must not change what was there
    totals = {"ok": 1000.0 * chance.random(), "error": 50.0 * chance.random()}
    appears = {"ok": 0, "error": chance.choice((0, START_MS + DURATION_MS // 3))}
    for at, lost in _scrapes(chance):
        if lost:
            continue
        up.append((at, nan if chance.random() < 0.01 else float(chance.random() > 0.03)))
        if chance.random() < 0.01:
            totals = {status: float(chance.randrange(5)) for status in totals}
        if more.random() < 0.01:
            events = dict.fromkeys(histogram, 0.0)
        backup = at / 1000 if more.random() < 0.01 else backup
        backups.append((at, nan if more.random() < 0.01 else backup))
        slow, added = more.random() < 0.15, more.randrange(4)
        for bound, samples in histogram.items():
            events[bound] += added if bound in ("+Inf", "") or (not slow and bound != BOUNDS[0]) else added // 2
            samples.append((at, events[bound]))
        for status, rate in (("ok", 40), ("error", 3)):
            totals[status] += chance.randrange(rate)
            if at >= appears[status]:
                counters[status].append((at, totals[status]))
    yield SampleSeries({"__name__": "up", **labels}, up)
    yield SampleSeries({"__name__": "backup_timestamp_seconds", **labels}, backups)
    for bound, samples in histogram.items():
        name = {"__name__": "latency_seconds_bucket", "le": bound} if bound else {"__name__": "latency_seconds_count"}
        yield SampleSeries({**name, **labels}, samples)
    for status, samples in counters.items():
        if samples:
            yield SampleSeries({"__name__": "requests_total", "status": status, **labels}, samples)


def _scrapes(chance: random.Random) -> Iterator[tuple[int, bool]]:
    """Moments of scrapes, never on the end of a slot, and whether each was lost."""
    at = START_MS + chance.randrange(1, STEP_MS - 1000)
    if chance.random() < 0.3:
        at += chance.randrange(DURATION_MS // STEP_MS // 2) * STEP_MS
    interval, lost_until = STEP_MS, 0
    while at < START_MS + DURATION_MS:
        if chance.random() < 0.01:
            lost_until = at + chance.randrange(45 * 60_000)
        if chance.random() < 0.002:
            interval = 45_000 - interval
        yield at, at < lost_until
        at += interval
