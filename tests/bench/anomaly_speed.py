"""How fast series are scored, against the bare cost of reading and echoing the same CSV in the same run."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.state import dump, load
from controlplane.domain.anomaly.track import Track
from controlplane.domain.anomaly.watch import SeriesKey
from controlplane.services.anomaly_csv import parse_time, parse_value
from controlplane.services.anomaly_scoring import Scorer
from tests.bench.series.shapes import TUNING, web_latency

_POINTS = 50_000
_ROUNDS = 5
_SERIES = 10_000
_CADENCE_SECONDS = 15.0
_LEARNT_SAMPLES = 3000
_LIVE_STEPS = 5


def run() -> dict[str, Any]:
    """Points per second of one core, in CPU time; each figure the median of some rounds."""
    times, values = web_latency(np.random.default_rng(5), _POINTS)
    samples = list(zip(times.tolist(), values.tolist(), strict=True))
    lines = [f"{moment:.0f},{value:.6g}" for moment, value in samples]
    text = ("timestamp,value\n" + "\n".join(lines) + "\n").encode()
    chunks = [text[at : at + 65536] for at in range(0, len(text), 65536)]
    figures: dict[str, list[float]] = {"bare_csv_echo": [], "detectors": [], "csv_stream": []}
    for _ in range(_ROUNDS):
        figures["bare_csv_echo"].append(_rate(lambda: _echo(chunks)))
        figures["detectors"].append(_rate(lambda: _observe(samples)))
        figures["csv_stream"].append(_rate(lambda: _stream(chunks)))
    medians = {name: statistics.median(rates) for name, rates in figures.items()}
    return {
        "points_per_second": {name: round(rate) for name, rate in medians.items()},
        "best_points_per_second": {name: round(max(rates)) for name, rates in figures.items()},
        "csv_stream_relative_to_bare_echo": round(medians["csv_stream"] / medians["bare_csv_echo"], 3),
        "live_series": _live(),
    }


def _live() -> dict[str, Any]:
    """10,000 series of ten families that have learnt (every bin of their week), then a sample each every 15 seconds."""
    states, tails = [], []
    for shape in TUNING.values():
        times, values = shape(np.random.default_rng(7), _LEARNT_SAMPLES + _LIVE_STEPS)
        model = SeriesModel()
        for sample in zip(times[:_LEARNT_SAMPLES].tolist(), values[:_LEARNT_SAMPLES].tolist(), strict=True):
            model.observe(*sample)
        states.append(dump(model))
        end = float(times[_LEARNT_SAMPLES])
        following = values[_LEARNT_SAMPLES:].tolist()
        tails.append([(end + _CADENCE_SECONDS * at, value) for at, value in enumerate(following)])
    before = _resident_bytes()
    tracks = [Track(SeriesKey("bench", (("n", str(n)),)), load(states[n % len(states)])) for n in range(_SERIES)]
    resident = (_resident_bytes() - before) / _SERIES
    shares = []
    for step in range(_LIVE_STEPS):
        begin = time.process_time()
        for number, track in enumerate(tracks):
            track.observe(*tails[number % len(tails)][step])
        shares.append((time.process_time() - begin) / _CADENCE_SECONDS)
    return {
        "series": _SERIES,
        "share_of_a_core_at_15_s": round(statistics.median(shares), 4),
        "largest_state_bytes": max(len(dump(track.model)) for track in tracks[: 10 * len(states)]),
        "resident_bytes_of_a_series": round(resident),
    }


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _rate(work: Callable[[], None]) -> float:
    begin = time.process_time()
    work()
    return _POINTS / (time.process_time() - begin)


def _observe(samples: list[tuple[float, float]]) -> None:
    observe = SeriesModel().observe
    for moment, value in samples:
        observe(moment, value)


def _stream(chunks: list[bytes]) -> None:
    for _ in Scorer(SeriesModel(), "bench", lambda message: None).run(chunks):
        pass


def _echo(chunks: list[bytes]) -> None:
    """Read each row to numbers and write it again: what any scorer in this language must pay."""
    for line in b"".join(chunks).split(b"\n")[1:-1]:
        moment, _, value = line.decode().partition(",")
        f"{moment},{value},{parse_time(moment) * 0.0 + parse_value(value):.9g}"
