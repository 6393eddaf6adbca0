"""Rare values of discrete signals: a state that was hardly ever seen, from a series of few states."""

from array import array
from math import log

_STATES = 12


class Rare:
    """Counts of the few values of a discrete signal; switches itself off for continuous ones."""

    __slots__ = ("counts", "discrete", "previous", "total", "values")

    def __init__(self) -> None:
        self.values = array("d", bytes(8 * _STATES))
        self.counts = array("d", bytes(8 * _STATES))
        self.total = 0
        self.previous = 0.0
        self.discrete = 1

    def evidence(self, value: float) -> float:
        """Minus log of the share of this value so far, when it was just entered; 0 while it lasts."""
        counts = self.counts
        self.total += 1
        entered = value != self.previous
        self.previous = value
        for position in range(_STATES):
            if counts[position] == 0.0:
                self.values[position] = value
                counts[position] = 1.0
                return log(2.0 * self.total)
            if self.values[position] == value:
                share = (counts[position] + 0.5) / self.total
                counts[position] += 1.0
                return -log(share) if entered and share < 1.0 else 0.0
        self.discrete = 0
        return 0.0
