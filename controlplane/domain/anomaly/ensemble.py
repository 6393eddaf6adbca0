"""The model of one series: order and gaps in time, counters, and the detectors behind one score.

The model is plain state: it holds numbers only, has a fixed size, and ``state.dump`` turns it into bytes. ``observe``
advances it in place by one sample; it never sees a later one.
"""

from controlplane.domain.anomaly.counter import COUNTER, GAUGE, CounterWatch
from controlplane.domain.anomaly.detectors import Detectors
from controlplane.domain.anomaly.missing import Missing
from controlplane.domain.anomaly.parameters import (
    CLOCK_STEP_ROWS,
    LATE_CADENCES,
    LATE_SECONDS,
    VALUE_LIMIT,
    WARM_UP_FULL,
)
from controlplane.domain.anomaly.verdict import Explanation, Kind, Status


class SeriesModel:
    """All that is known of one series. ``status`` says why the last sample has the score it has."""

    __slots__ = ("counter", "detectors", "last_time", "last_value", "late_rows", "missing", "seen", "status")

    def __init__(self) -> None:
        self.detectors = Detectors()
        self.counter = CounterWatch()
        self.missing = Missing()
        self.last_time = 0.0
        self.last_value = 0.0
        self.late_rows = 0
        self.seen = 0
        self.status = int(Status.SCORED)

    @property
    def is_warming_up(self) -> bool:
        """True while too little is known for a full score."""
        return self.detectors.calibration.count < WARM_UP_FULL

    @property
    def kind(self) -> Kind:
        """The detector with the strongest evidence in the last sample."""
        return Kind(self.detectors.kind)

    def explain(self) -> Explanation:
        """The facts behind the score that ``observe`` just gave."""
        return self.detectors.explain()

    def observe(self, timestamp: float, value: float) -> float:
        """Score of the next sample, 0 to 1; ``timestamp`` in seconds since 1970, ``value`` anything a float can be."""
        self.status = 0
        if not -VALUE_LIMIT < value < VALUE_LIMIT:
            if value - value != 0.0:
                return self._nothing(Status.NOT_A_NUMBER)
            value = VALUE_LIMIT if value > 0.0 else -VALUE_LIMIT
        elapsed = timestamp - self.last_time if self.seen else 0.0
        if elapsed <= 0.0 and self.seen:
            if elapsed == 0.0 and value == self.last_value:
                return self._nothing(Status.DUPLICATE)
            if not self._accepts_late(-elapsed, timestamp):
                return self._nothing(Status.TOO_LATE)
            absent = 0.0
        else:
            absent = self._advance(timestamp, elapsed)
        previous, self.last_value = self.last_value, value
        if self.counter.kind != GAUGE:
            self._watch_counter(value)
            if self.counter.kind == COUNTER and not self.status:
                if value < previous or elapsed <= 0.0:
                    return self._nothing(Status.COUNTER_RESET)
                value = (value - previous) / elapsed
            elif self.status:
                return 0.0
        return self.detectors.score(timestamp, value, self.missing.cadence, absent)

    def _nothing(self, status: Status) -> float:
        """A row from which nothing is learnt. Rows without a number are counted, and score when data returns."""
        if status == Status.NOT_A_NUMBER:
            self.missing.blank_rows += 1
        self.status = int(status)
        return 0.0

    def _advance(self, timestamp: float, elapsed: float) -> float:
        """Move the clock on; returns how many cadences were without data."""
        missing = self.missing
        absent = missing.evidence(elapsed) if self.seen else 0.0
        if missing.blank_rows:
            absent = max(absent, float(missing.blank_rows))
            missing.blank_rows = 0
        self.seen = 1
        self.last_time = timestamp
        self.late_rows = 0
        return absent

    def _accepts_late(self, late: float, timestamp: float) -> bool:
        """Late rows within tolerance count; when nothing but later ones come, the clock was set back."""
        if late <= max(LATE_SECONDS, LATE_CADENCES * self.missing.cadence):
            return True
        self.late_rows += 1
        if self.late_rows < CLOCK_STEP_ROWS:
            return False
        self.late_rows = 0
        self.last_time = timestamp
        return True

    def _watch_counter(self, value: float) -> None:
        """Start anew when the series turns out to be a counter, or not to be one."""
        counter = self.counter
        if counter.is_turning(value):
            self.detectors = Detectors()
            self.status = int(Status.COUNTER_FOUND if counter.kind == COUNTER else Status.NOT_A_COUNTER)
        counter.previous = value
