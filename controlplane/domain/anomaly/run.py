"""Runs: several samples in a row far out on the same side, from a series whose far samples come alone.

One far sample is luck; four in a row are not, and saying so needs no guess at how rare values are that were never seen:
the chances of the steps multiply. They are those that ``texture`` counts, so that a series that stays out once it is
out, as correlated ones do, earns little from each further sample.
"""

from math import exp

from controlplane.domain.anomaly.parameters import RUN_FLOOR, RUN_LONGEST, RUN_NATS, RUN_STEP
from controlplane.domain.anomaly.tail import Tail


class Run:
    """Nats of the present run on one side. ``size`` grows e-fold in ``RUN_NATS``, so that a ``Tail`` fits it."""

    __slots__ = ("length", "nats", "side", "size", "tail")

    def __init__(self) -> None:
        self.side = 0
        self.length = 0
        self.nats = 0.0
        self.size = 1.0
        self.tail = Tail(RUN_FLOOR)

    def step(self, side: int, surprise: float) -> None:
        """One sample far out on ``side`` (1 or -1); ``surprise`` is minus log of the chance of that.

        Longer runs than ``RUN_LONGEST`` gain nothing: lasting changes are for the means over windows.
        """
        if side != self.side:
            self.side = side
            self.length = 0
            self.nats = 0.0
        if self.length < RUN_LONGEST:
            self.length += 1
            self.nats = nats = self.nats + (surprise if surprise < RUN_STEP else RUN_STEP)
            self.size = exp(nats / RUN_NATS)

    def end(self) -> None:
        """One sample that is not far out."""
        self.side = 0
        self.size = 1.0
