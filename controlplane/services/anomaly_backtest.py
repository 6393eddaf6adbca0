"""Run a whole CSV through a fresh model and judge the alarms it would have raised."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from controlplane.domain.anomaly.backtest import Backtest, judge
from controlplane.domain.anomaly.calibration import ALERT_SCORE
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.reasons import sentence
from controlplane.errors import CmctlError
from controlplane.services.anomaly_csv import parse_time
from controlplane.services.anomaly_scoring import Scorer


@dataclass(frozen=True)
class Trace:
    """Every row that has a place in time, for the plot."""

    times: list[float]
    values: list[float]
    scores: list[float]


class _Recorder(SeriesModel):
    """A model that keeps what it saw and said."""

    __slots__ = ("alarms", "trace")

    def __init__(self) -> None:
        super().__init__()
        self.trace = Trace([], [], [])
        self.alarms: list[tuple[float, float, float, str]] = []

    def observe(self, timestamp: float, value: float) -> float:
        score = super().observe(timestamp, value)
        self.trace.times.append(timestamp)
        self.trace.values.append(value)
        self.trace.scores.append(score)
        if score >= ALERT_SCORE:
            self.alarms.append((timestamp, value, score, sentence(self.explain(), timestamp)))
        return score


def backtest(
    chunks: Iterable[bytes], name: str, windows: list[tuple[float, float]], notice: Callable[[str], None]
) -> tuple[Backtest, Trace]:
    """Score everything with a fresh model.

    Raises:
        BadSeries: when the input is not ``timestamp,value`` rows.
    """
    model = _Recorder()
    for _ in Scorer(model, name, notice).run(chunks):
        pass
    times = model.trace.times
    seconds = max(times) - min(times) if times else 0.0
    return judge(model.alarms, windows, len(times), seconds), model.trace


def read_windows(text: str, name: str) -> list[tuple[float, float]]:
    """Windows from JSON: a list of [start, end], each an ISO 8601 time or epoch number.

    Raises:
        CmctlError: when it is something else.
    """
    try:
        windows = [(parse_time(str(start)), parse_time(str(end))) for start, end in json.loads(text)]
    except (ValueError, TypeError) as error:
        raise CmctlError(f"{name} is not a list of windows: {error}", hint='[["START", "END"], …] in JSON') from error
    for start, end in windows:
        if end < start:
            raise CmctlError(f"{name}: a window ends before it starts ({start:.0f} to {end:.0f})")
    return windows
