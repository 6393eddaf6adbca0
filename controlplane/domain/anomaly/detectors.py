"""Every detector of one series side by side: a value and its time in, one calibrated score out."""

from controlplane.domain.anomaly.calibration import Calibration
from controlplane.domain.anomaly.level import WindowMean
from controlplane.domain.anomaly.parameters import (
    BIN_SECONDS,
    CLIP,
    DRIFT_WINDOW,
    GAP_CADENCES,
    LONG_MEMORY,
    MIDDLE_WINDOW,
    SHORT_WINDOW,
    TAIL_COUNTED,
    TAIL_START,
)
from controlplane.domain.anomaly.point import Point
from controlplane.domain.anomaly.rare import Rare
from controlplane.domain.anomaly.seasonal import Baseline
from controlplane.domain.anomaly.spread import Spread
from controlplane.domain.anomaly.stuck import Stuck
from controlplane.domain.anomaly.tail import Tail
from controlplane.domain.anomaly.texture import Texture
from controlplane.domain.anomaly.verdict import Explanation, Kind

_UNIT_LIMIT = 1e30
_SLOW = 1.0 / LONG_MEMORY
_RARE_FLOOR = 2.0
_STUCK_FLOOR, _STUCK_EXCESS = 8.0, 0.35
_MISSING_EXCESS = 1.0
# Plain numbers: this runs for every sample, and members of an enumeration are slow to look up.
_POINT, _DEVIATION, _LEVEL, _PLATEAU, _DRIFT, _SPREAD, _TEXTURE, _STUCK, _RARE, _MISSING = (int(kind) for kind in Kind)


class Detectors:
    """All that is learnt from the values of one series; replaced as a whole when a counter is found."""

    __slots__ = (
        "baseline",
        "calibration",
        "count",
        "drift",
        "kind",
        "level",
        "nats",
        "origin",
        "plateau",
        "point",
        "rare",
        "spread",
        "stuck",
        "tails",
        "texture",
        "unit",
        "value",
    )

    def __init__(self) -> None:
        self.origin = 0.0
        self.unit = 0.0
        self.count = 0
        self.value = 0.0
        self.kind = _POINT
        self.nats = 0.0
        self.baseline = Baseline()
        self.point = Point()
        self.level = WindowMean(SHORT_WINDOW)
        self.plateau = WindowMean(MIDDLE_WINDOW)
        self.drift = WindowMean(DRIFT_WINDOW)
        self.spread = Spread()
        self.texture = Texture()
        self.stuck = Stuck()
        self.rare = Rare()
        self.calibration = Calibration()
        self.tails = [Tail(TAIL_START) for _ in range(_STUCK)]
        self.tails += [
            Tail(_STUCK_FLOOR, _STUCK_EXCESS),
            Tail(_RARE_FLOOR),
            Tail(GAP_CADENCES, _MISSING_EXCESS),
        ]

    def score(self, timestamp: float, raw: float, cadence: float, absent: float) -> float:
        """Score of one value at its time; ``cadence`` in seconds, ``absent`` cadences without data before it."""
        value = self._in_units(raw)
        count = self.count
        rate = _SLOW if count > LONG_MEMORY else 1.0 / count
        baseline = self.baseline
        spread = baseline.spread
        away = baseline.deviation(timestamp, value, BIN_SECONDS / cadence if 0.0 < cadence < BIN_SECONDS else 1.0)
        if spread == 0.0:
            spread = baseline.spread
        signed = away / spread if spread > 0.0 else 0.0
        limit = CLIP * spread
        clipped = limit if away > limit else -limit if away < -limit else away
        surprise = self.point.evidence(away, clipped, spread, rate)
        self.nats = 0.0
        self.kind = _POINT
        single = self._single(value, surprise, signed if signed >= 0.0 else -signed)
        shape = self._shape(clipped, spread, surprise, signed, rate)
        absence = self._absence(value, absent)
        if not count % TAIL_COUNTED:
            self._count_ordinary()
        return self.calibration.score(single, shape, absence, cadence)

    def _in_units(self, raw: float) -> float:
        """The value relative to the first one, in units of the first change: neither scale nor offset matters then."""
        if not self.count:
            self.origin = raw
        self.count += 1
        self.value = raw
        value = raw - self.origin
        unit = self.unit
        if unit == 0.0:
            self.unit = unit = abs(value)
        if value == 0.0:
            return 0.0
        value /= unit
        return value if -_UNIT_LIMIT < value < _UNIT_LIMIT else _UNIT_LIMIT if value > 0.0 else -_UNIT_LIMIT

    # The three below ask a tail only for what lies in it, or when a peak of it has to end: nearly always neither.

    def _single(self, value: float, surprise: float, size: float) -> float:
        """Evidence in this value alone; ``size`` is that of the deviation in usual sizes."""
        nats = 0.0
        tails = self.tails
        tail = tails[_POINT]
        if surprise > tail.start or tail.run:
            nats = self._weigh(tail, _POINT, surprise, nats)
        tail = tails[_DEVIATION]
        if size > tail.start or tail.run:
            nats = self._weigh(tail, _DEVIATION, size, nats)
        if self.rare.discrete:
            nats = self._weigh(tails[_RARE], _RARE, self.rare.evidence(value), nats)
        return nats

    def _shape(self, clipped: float, spread: float, surprise: float, signed: float, rate: float) -> float:
        """Evidence in the stretch that ends here."""
        nats = 0.0
        tails = self.tails
        tail, evidence = tails[_LEVEL], self.level.evidence(clipped, spread, rate)
        if evidence > tail.start or tail.run:
            nats = self._weigh(tail, _LEVEL, evidence, nats)
        tail, evidence = tails[_PLATEAU], self.plateau.evidence(clipped, spread, rate)
        if evidence > tail.start or tail.run:
            nats = self._weigh(tail, _PLATEAU, evidence, nats)
        tail, evidence = tails[_DRIFT], self.drift.evidence(clipped, spread, rate)
        if evidence > tail.start or tail.run:
            nats = self._weigh(tail, _DRIFT, evidence, nats)
        tail, evidence = tails[_SPREAD], self.spread.evidence(surprise, rate)
        if evidence > tail.start or tail.run:
            nats = self._weigh(tail, _SPREAD, evidence, nats)
        texture = self.texture
        tail, evidence = tails[_TEXTURE], texture.evidence(signed, rate)
        if evidence > tail.start or tail.run:
            nats = self._weigh(tail, _TEXTURE, evidence, nats)
        # Several far samples in a row are one more way to see a level shift.
        run = texture.run
        tail = run.tail
        if run.side or tail.run:
            nats = self._weigh(tail, _LEVEL, run.size, nats)
        return nats

    def _absence(self, value: float, absent: float) -> float:
        """Evidence in what did not happen."""
        nats = 0.0
        tail, evidence = self.tails[_STUCK], self.stuck.evidence(value)
        if evidence > tail.start or tail.run:
            nats = self._weigh(tail, _STUCK, evidence, nats)
        if absent > 0.0:
            tail = self.tails[_MISSING]
            nats = self._weigh(tail, _MISSING, absent, nats)
            tail.pass_by(1)
        return nats

    def _weigh(self, tail: Tail, kind: int, evidence: float, most: float) -> float:
        """The larger of ``most`` and the nats of this evidence; remembers the kind that has most of all."""
        nats = tail.nats(evidence)
        if nats > self.nats:
            self.nats, self.kind = nats, kind
        return nats if nats > most else most

    def _count_ordinary(self) -> None:
        """Tell the tails how many samples passed them by. The gaps have their own count: that of gaps."""
        for tail in self.tails[:_MISSING]:
            tail.pass_by(TAIL_COUNTED)
        self.texture.run.tail.pass_by(TAIL_COUNTED)

    def explain(self) -> Explanation:
        """The facts behind the last score."""
        unit = self.unit
        expected = self.origin + self.baseline.expected * unit
        windows = {_LEVEL: self.level, _PLATEAU: self.plateau, _DRIFT: self.drift}
        value = expected + windows[self.kind].mean * unit if self.kind in windows else self.value
        return Explanation(
            kind=Kind(self.kind),
            nats=self.nats,
            value=value,
            expected=expected,
            band=3.0 * self.baseline.spread * unit,
            is_upward=self.spread.change > 0.0 if self.kind == _SPREAD else value >= expected,
            seasonal_share=self.baseline.seasonal_share,
            repeats=self.stuck.run,
        )
