"""How good the anomaly scores are on the held part, against three common detectors in the same run.

Ours runs with its default threshold. Each rival gets the threshold that is best for it on the very series it is judged
on, and alarms that follow another within the same hold are folded, as ours are: the comparison errs in their favour.

Draws ``results/anomaly-curves.svg`` and ``results/anomaly-missed.svg`` besides.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from controlplane.domain.anomaly.backtest import judge
from controlplane.domain.anomaly.calibration import ALERT_SCORE
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.parameters import REFRACTORY
from controlplane.services.anomaly_backtest import Trace
from controlplane.services.anomaly_plot import svg
from tests.bench.series.catalogue import LabelledSeries, clean, held, tuning
from tests.bench.series.curves import Panel, picture
from tests.bench.series.rivals import RIVALS
from tests.bench.series.scoring import Tally, tally, total, warm_up
from tests.bench.series.shapes import HELD, TUNING, Array

_RESULTS = Path(__file__).parent / "results"
_THRESHOLDS = np.geomspace(1.5, 1000, 40)
_SCORES = (*(1 - np.exp(-np.arange(1.0, 12.0, 0.5))), ALERT_SCORE)
_MISSED_SERIES = "disk_writes_6"
_CURVE_FALSE_ALARMS = 400.0
_CURVE_SAMPLES = 20
_YEAR_FAMILIES = ("web_latency", "web_traffic", "machine_temperature")
_YEAR_SAMPLES = 365 * 288
_SHIFTS = 60
_CLEAN_SEEDS = 6
_CLEAN_SAMPLES = 10 * 2016
_SHIFT_AT = 2500


def run() -> dict[str, Any]:
    """All figures of the results page."""
    years = {name: _year(name) for name in _YEAR_FAMILIES}
    delays = _shift_delays()
    others = list(held())
    _draw(others, delays, years)
    return {
        "tuning_part": _part(list(tuning())),
        "held_part": _part(others),
        "false_episodes_per_week_on_clean_series": {name: _clean_rates(name) for name in (*TUNING, *HELD)},
        "year_long_clean_series": {name: _year_figures(found) for name, found in years.items()},
        "four_sigma_shift": _shift_figures(delays),
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


def _year(name: str) -> list[int]:
    return alarms(clean((TUNING | HELD)[name], _YEAR_SAMPLES, 77))


def _year_figures(found: Sequence[int]) -> dict[str, Any]:
    quarters = np.histogram(found, 4, (0, _YEAR_SAMPLES))[0]
    return {"alarms_by_quarter": quarters.tolist(), "alarms_per_week": round(len(found) / 52.1, 2)}


def _shift_delays() -> list[float]:
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
    return delays


def _shift_figures(delays: Sequence[float]) -> dict[str, Any]:
    return {
        "series": _SHIFTS,
        "median_samples": float(np.median(delays)),
        "found_within_five": sum(delay <= 5 for delay in delays),
        "never_found": sum(delay == float("inf") for delay in delays),
    }


def _draw(series: Sequence[LabelledSeries], delays: Sequence[float], years: dict[str, list[int]]) -> None:
    """The curves, and one series on which incidents are missed."""
    observed = [_scores(item.timestamps, item.values) for item in series]
    lines = {"cmctl": _curve(series, observed, _SCORES, hold=0.0)}
    for name, rival in RIVALS.items():
        lines[name] = _curve(series, [rival(item.values) for item in series], _THRESHOLDS, REFRACTORY)
    windows = sum(len(item.windows) for item in series)
    by_week = {name: [(at / 2016, number + 1.0) for number, at in enumerate(found)] for name, found in years.items()}
    panels = [
        Panel(
            "Held part at every threshold",
            "false alarms (the dot: the threshold that is used)",
            f"incidents found, of {windows}",
            lines,
            _CURVE_FALSE_ALARMS,
            20.0 * -(-windows // 20),
            {"cmctl": _curve(series, observed, [ALERT_SCORE], hold=0.0)[0]},
        ),
        Panel(
            "A level shift of four standard deviations",
            "samples since the shift",
            f"found, of {len(delays)} series",
            {"cmctl": [(float(n), float(sum(delay <= n for delay in delays))) for n in range(_CURVE_SAMPLES + 1)]},
            float(_CURVE_SAMPLES),
            float(len(delays)),
        ),
        Panel("A year without incidents", "week", "alarms so far", by_week, 52.0, 52.0),
    ]
    (_RESULTS / "anomaly-curves.svg").write_text(picture(panels), encoding="utf-8")
    (_RESULTS / "anomaly-missed.svg").write_text(_missed(series), encoding="utf-8")


def _curve(
    series: Sequence[LabelledSeries], raw: Sequence[Array], thresholds: Iterable[float], hold: float
) -> list[tuple[float, float]]:
    """False alarms and windows found, from the highest threshold on; ``hold`` folds alarms, as our scores do already.

    A threshold that finds no more than a higher one is left out: so many alarms are folded that there are fewer again.
    """
    points: list[tuple[float, float]] = []
    for threshold in sorted(thresholds, reverse=True):
        found = []
        for item, scores in zip(series, raw, strict=True):
            loud = np.flatnonzero(scores >= threshold).tolist()
            found.append(tally(_folded(loud) if hold else loud, item.windows, warm_up(len(scores))))
        judged = total(found)
        if judged.false_alarms > _CURVE_FALSE_ALARMS:
            break
        if not points or judged.found > points[-1][1]:
            points.append((float(judged.false_alarms), float(judged.found)))
    return points


def _missed(series: Sequence[LabelledSeries]) -> str:
    item = next(one for one in series if one.name == _MISSED_SERIES)
    times, values = item.timestamps.tolist(), item.values.tolist()
    scores = _scores(item.timestamps, item.values).tolist()
    loud = [(times[at], values[at], scores[at], "") for at in range(len(times)) if scores[at] >= ALERT_SCORE]
    windows = [(times[start], times[end - 1]) for start, end in item.windows]
    title = f"{item.name}: {', '.join(item.incidents)} in the shaded stretches"
    return svg(title, judge(loud, windows, len(times), times[-1] - times[0]), Trace(times, values, scores))


def _scores(timestamps: Array, values: Array) -> Array:
    observe = SeriesModel().observe
    return np.array([observe(time, value) for time, value in zip(timestamps.tolist(), values.tolist(), strict=True)])
