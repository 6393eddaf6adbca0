"""Window-based scoring: one point at most for each incident, more when found early; every false alarm costs.

The reward falls along a sigmoid from 1 at the start of a window to 0 at its end. An alarm outside any window costs
``FALSE_ALARM_COST``, less when it only just missed the end of a window. A missed window costs 1. The total is scaled so
that silence gives 0 and a perfect detector 100.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

FALSE_ALARM_COST = 0.11


@dataclass(frozen=True)
class Tally:
    """What happened on a set of series at one threshold."""

    gain: float
    windows: int
    found: int
    false_alarms: int

    @property
    def score(self) -> float:
        """0 for silence, 100 for perfection; negative when false alarms outweigh."""
        return 100.0 * (self.gain + self.windows) / (2.0 * self.windows) if self.windows else 0.0


def tally(alarms: Sequence[int], windows: Sequence[tuple[int, int]], first: int) -> Tally:
    """Judge the positions of alarms; those before ``first`` (the warm-up) count neither way."""
    gain = 0.0
    found = 0
    false_alarms = 0
    met: set[int] = set()
    for alarm in alarms:
        if alarm < first:
            continue
        inside = next((number for number, (start, end) in enumerate(windows) if start <= alarm < end), None)
        if inside is None:
            false_alarms += 1
            gain -= FALSE_ALARM_COST * _after(alarm, windows)
        elif inside not in met:
            met.add(inside)
            found += 1
            start, end = windows[inside]
            gain += _sigmoid((alarm - end) / (end - start))
    gain -= len(windows) - found
    return Tally(gain, len(windows), found, false_alarms)


def total(tallies: Sequence[Tally]) -> Tally:
    """The sum over series."""
    return Tally(
        sum(item.gain for item in tallies),
        sum(item.windows for item in tallies),
        sum(item.found for item in tallies),
        sum(item.false_alarms for item in tallies),
    )


def warm_up(count: int) -> int:
    """Samples at the start that are not judged."""
    return min(int(0.15 * count), 750)


def _sigmoid(position: float) -> float:
    """About 1 at -1 (the start of a window), 0 at 0 (its end), -1 far behind."""
    return 2.0 / (1.0 + exp(5.0 * position)) - 1.0 if position < 3.0 else -1.0


def _after(alarm: int, windows: Sequence[tuple[int, int]]) -> float:
    behind = [(alarm - end) / (end - start) for start, end in windows if end <= alarm]
    return -_sigmoid(min(behind)) if behind else 1.0
