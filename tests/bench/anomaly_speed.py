"""How fast series are scored, against the bare cost of reading and echoing the same CSV in the same run."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.state import dump
from controlplane.services.anomaly_csv import parse_time, parse_value
from controlplane.services.anomaly_scoring import Scorer
from tests.bench.series.shapes import web_latency

_POINTS = 50_000
_ROUNDS = 5
_SERIES = 10_000
_CADENCE_SECONDS = 15.0


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
    model = SeriesModel()
    for sample in samples:
        model.observe(*sample)
    return {
        "points_per_second": {name: round(rate) for name, rate in medians.items()},
        "best_points_per_second": {name: round(max(rates)) for name, rates in figures.items()},
        "csv_stream_relative_to_bare_echo": round(medians["csv_stream"] / medians["bare_csv_echo"], 3),
        "state_bytes": len(dump(model)),
        "share_of_a_core_for_10000_series_each_15_s": round(_SERIES / _CADENCE_SECONDS / medians["detectors"], 4),
    }


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
