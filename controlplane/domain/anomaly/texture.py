"""Texture: the recent stretch moves between its levels in an order the series does not know.

Deviations are sorted into eight classes; the chance of each step from class to class is counted. A run of steps that
used to be rare means that the distribution or the rhythm changed, even when no single value is unusual.
"""

from array import array
from bisect import bisect
from math import log

from controlplane.domain.anomaly.parameters import MIDDLE_WINDOW
from controlplane.domain.anomaly.run import Run

_EDGES = (-3.0, -1.5, -0.6, 0.0, 0.6, 1.5, 3.0)
_CLASSES = len(_EDGES) + 1
_LOW, _HIGH, _HIGHEST = 1, _CLASSES - 2, _CLASSES - 1
_WEIGHT = 2.0 / (MIDDLE_WINDOW + 1.0)
_MOST = 60_000


class Texture:
    """Mean surprise of the recent steps against its usual size."""

    __slots__ = ("centre", "counts", "previous", "recent", "run", "scale", "totals")

    def __init__(self) -> None:
        self.counts = array("H", [1] * (_CLASSES * _CLASSES))
        self.totals = array("H", [_CLASSES] * _CLASSES)
        self.previous = _CLASSES // 2
        self.recent = 1.0
        self.centre = 1.0
        self.scale = 0.3
        self.run = Run()

    def evidence(self, ratio: float, rate: float) -> float:
        """``ratio`` is the signed deviation in usual sizes."""
        now = bisect(_EDGES, ratio)
        before = self.previous
        self.previous = now
        step = before * _CLASSES + now
        counts = self.counts
        count = counts[step]
        total = self.totals[before]
        if now >= _HIGH:
            self.run.step(1, log(total / (count if now == _HIGHEST else count + counts[step + 1])))
        elif now <= _LOW:
            self.run.step(-1, log(total / (count if now == 0 else count + counts[step - 1])))
        elif self.run.side:
            self.run.end()
        counts[step] = count + 1
        self.totals[before] = total + 1
        if total >= _MOST:
            self._halve()
        self.recent = recent = self.recent + (log(total / count) - self.recent) * _WEIGHT
        over = recent - self.centre
        self.centre += over * rate
        size = over if over >= 0.0 else -over
        scale = self.scale
        limit = 4.0 * scale
        self.scale = scale + ((size if size < limit else limit) - scale) * rate
        return over / scale if scale > 0.02 else over / 0.02

    def _halve(self) -> None:
        for row in range(_CLASSES):
            first = row * _CLASSES
            for step in range(first, first + _CLASSES):
                self.counts[step] = (self.counts[step] + 1) // 2
            self.totals[row] = sum(self.counts[first : first + _CLASSES])
