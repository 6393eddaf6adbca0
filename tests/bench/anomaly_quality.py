"""How good the anomaly scores are on the held part, against three common detectors in the same run.

Ours runs with its default threshold. Each rival gets the threshold that is best for it on the very series it is judged
on, and alarms that follow another within the same hold are folded, as ours are: the comparison errs in their favour.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from controlplane.domain.anomaly.calibration import ALERT_SCORE
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.parameters import REFRACTORY
from tests.bench.series.catalogue import LabelledSeries, clean, held, tuning
from tests.bench.series.rivals import RIVALS
from tests.bench.series.scoring import Tally, tally, total, warm_up
from tests.bench.series.shapes import HELD, TUNING, Array

_THRESHOLDS = np.geomspace(1.5, 1000, 40)
_YEAR_SAMPLES = 365 * 288
_SHIFTS = 60
_CLEAN_SEEDS = 6
_CLEAN_SAMPLES = 10 * 2016
_SHIFT_AT = 2500


def run() -> dict[str, Any]:
    """All figures of the results page."""
    return {
        "tuning_part": _part(list(tuning())),
        "held_part": _part(list(held())),
        "false_episodes_per_week_on_clean_series": {name: _clean_rates(name) for name in (*TUNING, *HELD)},
        "year_long_clean_series": {name: _year(name) for name in ("web_latency", "web_traffic", "machine_temperature")},
        "four_sigma_shift": _shift_delays(),
    }


def _part(series: list[LabelledSeries]) -> dict[str, Any]:
    ours = [tally(alarms(item), item.windows, warm_up(len(item.values))) for item in series]
    families: dict[str, list[Tally]] = {}
    for item, judged in zip(series, ours, strict=True):
        families.setdefault(item.name.rsplit("_", 1)[0], []).append(judged)
    return {
        "points": sum(len(item.values) for item in series),
        "cmctl": _figures(total(ours)),
        **{name: _best_rival(series, rival) for name, rival in RIVALS.items()},
        "families": {name: _figures(total(judged)) for name, judged in families.items()},
    }


def _figures(judged: Tally) -> dict[str, Any]:
    return {
        "score": round(judged.score, 1),
        "windows": judged.windows,
        "found": judged.found,
        "false_alarms": judged.false_alarms,
    }


def _best_rival(series: list[LabelledSeries], rival: Any) -> dict[str, Any]:
    raw = [rival(item.values) for item in series]
    best: tuple[float, float, Tally] | None = None
    for threshold in _THRESHOLDS:
        judged = total(
            [
                tally(_folded(np.flatnonzero(scores >= threshold).tolist()), item.windows, warm_up(len(scores)))
                for item, scores in zip(series, raw, strict=True)
            ]
        )
        if best is None or judged.score > best[0]:
            best = (judged.score, float(threshold), judged)
    assert best is not None
    return {**_figures(best[2]), "threshold": round(best[1], 1)}


def _folded(positions: Iterable[int]) -> list[int]:
    kept: list[int] = []
    last = -REFRACTORY - 1
    for position in positions:
        if position - last > REFRACTORY:
            kept.append(position)
        last = position
    return kept


def alarms(series: LabelledSeries) -> list[int]:
    """Positions at which the default threshold is met."""
    return _alarms(series.timestamps, series.values)


def _alarms(timestamps: Array, values: Array) -> list[int]:
    observe = SeriesModel().observe
    samples = enumerate(zip(timestamps.tolist(), values.tolist(), strict=True))
    return [position for position, (time, value) in samples if observe(time, value) >= ALERT_SCORE]


def _clean_rates(name: str) -> dict[str, float]:
    """False episodes a week: after the warm-up, and after two weeks, when a weekly shape can be known."""
    warm, settled = [], []
    for seed in range(_CLEAN_SEEDS):
        series = clean((TUNING | HELD)[name], _CLEAN_SAMPLES, 4000 + seed)
        weeks = (series.timestamps - series.timestamps[0]) / 604800
        loud = weeks[alarms(series)]
        warm.append(len(loud) / weeks[-1])
        settled.append(np.count_nonzero(loud >= 2) / (weeks[-1] - 2))
    return {"after_warm_up": round(float(np.mean(warm)), 2), "after_two_weeks": round(float(np.mean(settled)), 2)}


def _year(name: str) -> dict[str, Any]:
    found = alarms(clean((TUNING | HELD)[name], _YEAR_SAMPLES, 77))
    quarters = np.histogram(found, 4, (0, _YEAR_SAMPLES))[0]
    return {"alarms_by_quarter": quarters.tolist(), "alarms_per_week": round(len(found) / 52.1, 2)}


def _shift_delays() -> dict[str, Any]:
    """Samples until the alarm, the first shifted sample counting as one."""
    delays: list[float] = []
    for seed in range(_SHIFTS):
        rng = np.random.default_rng(seed)
        times = 1.7e9 + 300.0 * np.arange(_SHIFT_AT + 100)
        season = 2.0 * np.sin(2 * np.pi * times / 86400) if seed % 2 else 0.0
        values = 10 + rng.normal(0, 1, len(times)) + season
        values[_SHIFT_AT:] += 4.0
        found = [position for position in _alarms(times, values) if position >= _SHIFT_AT]
        delays.append(found[0] - _SHIFT_AT + 1 if found else float("inf"))
    return {
        "series": _SHIFTS,
        "median_samples": float(np.median(delays)),
        "found_within_five": sum(delay <= 5 for delay in delays),
        "never_found": sum(delay == float("inf") for delay in delays),
    }
