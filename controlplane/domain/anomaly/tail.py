"""How improbable a piece of evidence is, given this series' own history of the same evidence.

Peaks over threshold, online: the start of the tail is a tracked quantile, the excess beyond it (as a log ratio) is
taken as exponential with a gamma prior on its mean. The predictive tail is then a Lomax distribution: heavy while few
peaks were seen, so that little history cannot claim great rarity. Bursty series learn a long tail, smooth ones a short
one.
"""

from math import log, log1p

from controlplane.domain.anomaly.parameters import (
    RATIO_LIMIT,
    TAIL_FIRST_STEP,
    TAIL_LEAST_EXCESS,
    TAIL_MEMORY,
    TAIL_PRIOR_EXCESS,
    TAIL_PRIOR_WEIGHT,
    TAIL_RUN,
    TAIL_SHARE,
    TAIL_STEP,
)

_BASE_NATS = -log(TAIL_SHARE)
_PRIOR_SAMPLES = TAIL_PRIOR_WEIGHT / TAIL_SHARE


class Tail:
    """The upper tail of one kind of evidence. ``floor`` is evidence that never counts as unusual.

    Neighbouring peaks are one peak: evidence of slow detectors rises and falls over many samples, and learning from
    each of them would make a tail chase the very episode it should judge.
    """

    __slots__ = ("excess", "floor", "peak", "peaks", "run", "seen", "share_nats", "start", "step")

    def __init__(self, floor: float, excess: float = TAIL_PRIOR_EXCESS) -> None:
        self.floor = floor
        self.start = floor * 1.5
        self.excess = excess
        self.peaks = 0.0
        self.step = TAIL_FIRST_STEP
        self.peak = 0.0
        self.run = 0
        self.seen = 0
        self.share_nats = _BASE_NATS

    def nats(self, evidence: float) -> float:
        """Minus log of the probability of so much evidence; 0 below the tail. Learns from it afterwards.

        Evidence below ``start`` need not be passed on while ``run`` is 0: it says nothing but that a sample was
        ordinary, which ``pass_by`` counts.
        """
        start = self.start
        if evidence <= start:
            if self.run:
                self._learn()
                self.run = 0
            return 0.0
        beyond = log((evidence if evidence < RATIO_LIMIT else RATIO_LIMIT) / start) if start < RATIO_LIMIT else 0.0
        if beyond > self.peak:
            self.peak = beyond
        self.run += 1
        weight = self.peaks + TAIL_PRIOR_WEIGHT
        nats = self.share_nats + weight * log1p(beyond / (weight * self.excess))
        if self.run >= TAIL_RUN:
            self._learn()
            self.run = 1
        return nats

    def pass_by(self, samples: int) -> None:
        """Count ``samples`` ordinary ones, and lower the start of the tail for them; nothing while a peak lasts."""
        if self.run:
            return
        self.seen += samples
        start = self.start
        start -= start * TAIL_SHARE * self.step * samples
        self.start = start if start > self.floor else self.floor

    def _learn(self) -> None:
        """One peak is over, or lasts so long that it becomes ordinary."""
        peak = self.peak
        excess = self.excess
        limit = 6.0 * excess
        excess += ((peak if peak < limit else limit) - excess) / (self.peaks + TAIL_PRIOR_WEIGHT + 1.0)
        self.excess = excess if excess > TAIL_LEAST_EXCESS else TAIL_LEAST_EXCESS
        self.peaks += 1.0
        self.share_nats = log((self.seen + _PRIOR_SAMPLES) / (self.peaks + TAIL_PRIOR_WEIGHT))
        if self.peaks > TAIL_MEMORY:
            self.peaks *= 0.5
            self.seen //= 2
        step = self.step
        self.start *= 1.0 + step * (1.0 - TAIL_SHARE)
        self.step = TAIL_STEP if step * 0.9 < TAIL_STEP else step * 0.9
        self.peak = 0.0
