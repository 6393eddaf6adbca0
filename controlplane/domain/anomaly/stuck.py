"""Stuck signals: the same value again and again, from a series that normally moves."""

from math import log

_MEMORY = 1.0 / 500.0


class Stuck:
    """Length of the present run of equal values, in nats under the usual share of repeats."""

    __slots__ = ("last", "repeats", "run")

    def __init__(self) -> None:
        self.last = 0.0
        self.repeats = 0.1
        self.run = 0

    def evidence(self, value: float) -> float:
        """Minus log of the chance of so long a run."""
        repeats = self.repeats
        if value != self.last:
            self.last = value
            self.run = 0
            self.repeats = repeats - repeats * _MEMORY
            return 0.0
        self.run += 1
        self.repeats = repeats + (1.0 - repeats) * _MEMORY
        return -self.run * log(repeats + 0.02) if repeats < 0.98 else 0.0
