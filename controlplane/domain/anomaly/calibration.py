"""From evidence to one score: seen before? then it counts less; already alarmed? then it is the same episode."""

from array import array
from math import exp, log, log1p

from controlplane.domain.anomaly.parameters import (
    AGREEMENT,
    ALERT_NATS,
    EPISODE_BINS,
    EPISODE_FLOOR_NATS,
    EPISODE_GAP,
    EPISODE_MEMORY,
    EPISODE_PENALTY_NATS,
    EPISODE_PRIOR_EXCESS,
    EPISODE_PRIOR_SHARE,
    EPISODE_PRIOR_WEIGHT,
    EPISODE_WIDTH_NATS,
    ESCALATION_NATS,
    REFRACTORY,
    RESTRAINT_NATS,
    RESTRAINT_SECONDS,
    WARM_UP_FIRST,
    WARM_UP_FULL,
)

ALERT_SCORE = 1.0 - exp(-ALERT_NATS)


class Episodes:
    """Peaks of past episodes of one group of evidence, and how often such peaks come."""

    __slots__ = ("excess", "known", "last", "peak", "peaks", "share", "swept_at")

    def __init__(self) -> None:
        self.peaks = array("f", bytes(4 * EPISODE_BINS))
        self.excess = EPISODE_PRIOR_EXCESS
        self.share = EPISODE_PRIOR_SHARE
        self.known = 0.0
        self.swept_at = 0
        self.peak = 0.0
        self.last = 0

    def calibrated(self, nats: float, count: int) -> float:
        """Minus log of the chance that a sample begins an episode as high as this; ``nats`` is at least the floor."""
        if self.peak and count - self.last > EPISODE_GAP:
            self._close(count)
        self.last = count
        if nats > self.peak:
            self.peak = nats
        height = nats - EPISODE_FLOOR_NATS
        first = int(height / EPISODE_WIDTH_NATS) - 1
        similar = sum(self.peaks[0 if first < 0 else min(first, EPISODE_BINS - 1) :])
        weight = self.known + EPISODE_PRIOR_WEIGHT
        nats = weight * log1p(height / (weight * self.excess)) - log(self.share)
        return nats - EPISODE_PENALTY_NATS * log1p(similar)

    def _close(self, count: int) -> None:
        """Remember the peak of the episode that ended, and fit the share and mean height of all remembered."""
        keep = exp((self.swept_at - count) / EPISODE_MEMORY)
        self.swept_at = count
        self.peaks = peaks = array("f", [number * keep for number in self.peaks])
        position = int((self.peak - EPISODE_FLOOR_NATS) / EPISODE_WIDTH_NATS)
        peaks[position if position < EPISODE_BINS else EPISODE_BINS - 1] += 1.0
        self.peak = 0.0
        self.known = known = sum(peaks)
        height = sum(number * (at + 0.5) for at, number in enumerate(peaks)) * EPISODE_WIDTH_NATS
        samples = count if count < EPISODE_MEMORY else EPISODE_MEMORY
        prior = EPISODE_PRIOR_WEIGHT
        self.share = (known + prior) / (samples + prior / EPISODE_PRIOR_SHARE)
        self.excess = (height + prior * EPISODE_PRIOR_EXCESS) / (known + prior)


class Restraint:
    """How often the series alarmed lately: the more often, the more it takes to alarm again."""

    __slots__ = ("alarms", "last")

    def __init__(self) -> None:
        self.alarms = 0.0
        self.last = 0

    def nats(self, count: int, cadence: float) -> float:
        """By how much evidence counts less after ``count`` samples, ``cadence`` seconds apart."""
        return RESTRAINT_NATS * log1p(self._lately(count, cadence))

    def note(self, count: int, cadence: float) -> None:
        """One more alarm has begun."""
        self.alarms = self._lately(count, cadence) + 1.0
        self.last = count

    def _lately(self, count: int, cadence: float) -> float:
        return self.alarms * exp((self.last - count) * cadence / RESTRAINT_SECONDS)


class Calibration:
    """Joins the groups of evidence, and remembers how loud the last alarm was."""

    __slots__ = ("absences", "alarm", "alarm_at", "count", "restraint", "shapes", "values")

    def __init__(self) -> None:
        self.values = Episodes()
        self.shapes = Episodes()
        self.absences = Episodes()
        self.count = 0
        self.alarm = 0.0
        self.alarm_at = 0
        self.restraint = Restraint()

    def score(self, value: float, shape: float, absence: float, cadence: float) -> float:
        """Score in [0, 1): one minus the chance, given what this series did before, and once per episode.

        The first three are nats of evidence: in single values, in the shape of a stretch, in silence. ``cadence`` is in
        seconds.
        """
        self.count = count = self.count + 1
        if not (value or shape or absence):
            return 0.0
        nats = 0.0
        if value >= EPISODE_FLOOR_NATS:
            nats = self.values.calibrated(value, count)
        if shape >= EPISODE_FLOOR_NATS:
            other = self.shapes.calibrated(shape, count)
            weaker, nats = (nats, other) if other > nats else (other, nats)
            if weaker > 0.0:
                nats += AGREEMENT * weaker
        if nats >= ALERT_NATS and count - self.alarm_at > EPISODE_GAP:
            # Silence is not held against what was loud.
            nats -= self.restraint.nats(count, cadence)
        if absence >= EPISODE_FLOOR_NATS:
            nats = max(nats, self.absences.calibrated(absence, count))
        if count <= WARM_UP_FIRST:
            return 0.0
        if nats <= 0.0:
            # Nothing near an alarm: a low score that still tells calm from restless.
            restless = value if value > shape else shape
            return 1.0 - exp(-0.2 * restless)
        if count < WARM_UP_FULL:
            nats *= (count - WARM_UP_FIRST) / (WARM_UP_FULL - WARM_UP_FIRST)
        return 1.0 - exp(-self._said_once(nats, count, cadence))

    def _said_once(self, nats: float, count: int, cadence: float) -> float:
        """The same episode is said once: it holds while it lasts and fades after; only what is far louder is new."""
        held = self.alarm * max(0.0, 1.0 - (count - self.alarm_at) / REFRACTORY)
        if nats >= ALERT_NATS:
            if count - self.alarm_at > EPISODE_GAP:
                self.restraint.note(count, cadence)
            self.alarm = max(nats, held)
            self.alarm_at = count
        return nats if nats > held + ESCALATION_NATS else max(0.0, nats - held)
