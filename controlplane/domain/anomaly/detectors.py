"""Every detector of one series side by side: a value and its time in, one calibrated score out."""

from controlplane.domain.anomaly.calibration import Calibration
from controlplane.domain.anomaly.level import WindowMean
from controlplane.domain.anomaly.parameters import (
    BIN_SECONDS,
    DRIFT_WINDOW,
    GAP_CADENCES,
    LONG_MEMORY,
    MIDDLE_WINDOW,
    SHORT_WINDOW,
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
        self.tails += [Tail(_STUCK_FLOOR, _STUCK_EXCESS), Tail(_RARE_FLOOR), Tail(GAP_CADENCES, _MISSING_EXCESS)]

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
        surprise = self.point.evidence(away, spread, rate)
        single, single_kind = self._single(value, surprise, signed)
        shape, shape_kind = self._shape(away, spread, surprise, signed, rate)
        absence, absence_kind = self._absence(value, absent)
        if shape > single:
            self.nats, self.kind = shape, shape_kind
        else:
            self.nats, self.kind = single, single_kind
        if absence > self.nats:
            self.nats, self.kind = absence, absence_kind
        return self.calibration.score(single, shape, absence)

    def _in_units(self, raw: float) -> float:
        """The value relative to the first one, in units of the first change: neither scale nor offset matters then."""
        if not self.count:
            self.origin = raw
        self.count += 1
        self.value = raw
        value = raw - self.origin
        if self.unit == 0.0:
            self.unit = abs(value)
        if value == 0.0:
            return 0.0
        value /= self.unit
        return value if -_UNIT_LIMIT < value < _UNIT_LIMIT else _UNIT_LIMIT if value > 0.0 else -_UNIT_LIMIT

    def _single(self, value: float, surprise: float, signed: float) -> tuple[float, int]:
        """Evidence in this value alone."""
        tails = self.tails
        nats, kind = tails[_POINT].nats(surprise), _POINT
        other = tails[_DEVIATION].nats(signed if signed >= 0.0 else -signed)
        if other > nats:
            nats, kind = other, _DEVIATION
        if self.rare.discrete:
            other = tails[_RARE].nats(self.rare.evidence(value))
            if other > nats:
                nats, kind = other, _RARE
        return nats, kind

    def _shape(self, away: float, spread: float, surprise: float, signed: float, rate: float) -> tuple[float, int]:
        """Evidence in the stretch that ends here."""
        tails = self.tails
        nats, kind = tails[_LEVEL].nats(self.level.evidence(away, spread, rate)), _LEVEL
        other = tails[_PLATEAU].nats(self.plateau.evidence(away, spread, rate))
        if other > nats:
            nats, kind = other, _PLATEAU
        other = tails[_DRIFT].nats(self.drift.evidence(away, spread, rate))
        if other > nats:
            nats, kind = other, _DRIFT
        other = tails[_SPREAD].nats(self.spread.evidence(surprise, rate))
        if other > nats:
            nats, kind = other, _SPREAD
        texture = self.texture
        other = tails[_TEXTURE].nats(texture.evidence(signed, rate))
        if other > nats:
            nats, kind = other, _TEXTURE
        # Several far samples in a row are one more way to see a level shift.
        run = texture.run
        other = run.tail.nats(run.size)
        if other > nats:
            nats, kind = other, _LEVEL
        return nats, kind

    def _absence(self, value: float, absent: float) -> tuple[float, int]:
        """Evidence in what did not happen."""
        nats, kind = self.tails[_STUCK].nats(self.stuck.evidence(value)), _STUCK
        if absent > 0.0:
            other = self.tails[_MISSING].nats(absent)
            if other > nats:
                nats, kind = other, _MISSING
        return nats, kind

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
