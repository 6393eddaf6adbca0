"""Counters handed over as gauges: found by their shape, scored by their rate."""

from controlplane.domain.anomaly.parameters import COUNTER_RISING_SHARE, COUNTER_SAMPLES

UNDECIDED, GAUGE, COUNTER = 0, 1, 2


class CounterWatch:
    """Decides once whether a series only ever rises; takes it back when it falls without a reset."""

    __slots__ = ("first", "kind", "previous", "rises", "seen", "top")

    def __init__(self) -> None:
        self.kind = UNDECIDED
        self.seen = 0
        self.rises = 0
        self.first = 0.0
        self.previous = 0.0
        self.top = 0.0

    def is_turning(self, value: float) -> bool:
        """Look at the next value; True when the kind just became counter, or stopped being one."""
        kind = self.kind
        if kind == GAUGE:
            return False
        previous = self.previous
        if not self.seen:
            self.first = self.top = value
        self.seen += 1
        if value > previous and self.seen > 1:
            self.rises += 1
            if value > self.top:
                self.top = value
        if value < previous and self.seen > 1 and not self._is_reset(value):
            self.kind = GAUGE
            return kind == COUNTER
        if kind == UNDECIDED and self.seen >= COUNTER_SAMPLES:
            self.kind = COUNTER if self.rises >= COUNTER_RISING_SHARE * self.seen else GAUGE
            return self.kind == COUNTER
        return False

    def _is_reset(self, value: float) -> bool:
        """A restarted counter falls by more than half of all it ever rose; a gauge that turns does not."""
        return self.kind == COUNTER and self.previous - value > 0.5 * (self.top - self.first)
