"""What alarms would have been worth, against windows in which an alarm was right."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_WEEK_SECONDS = 7 * 86400.0


@dataclass(frozen=True)
class Alarm:
    """One alert that would have been raised; ``at`` in seconds since 1970."""

    at: float
    value: float
    score: float
    reason: str
    in_window: bool = False


@dataclass(frozen=True)
class Window:
    """A stretch known to be anomalous, seconds since 1970; ``delay_seconds`` of the first alarm in it, if any."""

    start: float
    end: float
    delay_seconds: float | None = None


@dataclass(frozen=True)
class Backtest:
    """The outcome. Ratios are None when nothing can be said (no alarm, no window)."""

    rows: int
    alarms: tuple[Alarm, ...]
    windows: tuple[Window, ...]
    precision: float | None
    recall: float | None
    median_delay_seconds: float | None
    alarms_per_week: float | None


def judge(
    alarms: Sequence[tuple[float, float, float, str]], windows: Sequence[tuple[float, float]], rows: int, seconds: float
) -> Backtest:
    """Judge alarms (time, value, score, reason) of ``rows`` rows that cover ``seconds``."""
    marked = tuple(Alarm(*alarm, in_window=any(start <= alarm[0] <= end for start, end in windows)) for alarm in alarms)
    met = tuple(Window(start, end, _delay(marked, start, end)) for start, end in windows)
    delays = [window.delay_seconds for window in met if window.delay_seconds is not None]
    return Backtest(
        rows=rows,
        alarms=marked,
        windows=met,
        precision=sum(alarm.in_window for alarm in marked) / len(marked) if marked and windows else None,
        recall=len(delays) / len(windows) if windows else None,
        median_delay_seconds=median(delays) if delays else None,
        alarms_per_week=len(marked) * _WEEK_SECONDS / seconds if seconds > 0 else None,
    )


def _delay(alarms: Sequence[Alarm], start: float, end: float) -> float | None:
    return min((alarm.at - start for alarm in alarms if start <= alarm.at <= end), default=None)
