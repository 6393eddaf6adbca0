"""What the series should be at this time: a level, a profile of the day, a profile of the week, all learnt.

Each profile is half-hour bins centred on full and half hours, read by interpolation, so that steep mornings leave no
saw teeth. The three expectations are weighted by how well each has predicted so far; a series without a daily shape
therefore never pays for one, and nothing about seasons is assumed. Values are relative to the scale of the series.
"""

from array import array
from math import sqrt

from controlplane.domain.anomaly.parameters import (
    BIN_SECONDS,
    CLIP,
    DAY_BINS,
    DAY_VISITS,
    LEVEL_MEMORY,
    LONG_MEMORY,
    PROFILE_TRUST,
    SIZE_CHANCE,
    SIZE_TRUST_VISITS,
    SIZE_VISITS,
    STEP_ERRORS,
    WEEK_BINS,
    WEEK_VISITS,
)

_SLOW = 1.0 / LONG_MEMORY
_LEVEL = 1.0 / LEVEL_MEMORY
_LEAST = 1e-12
_LEAST_SQUARED = 1e-200
_UNKNOWN = float("nan")


class Profile:
    """Mean value by phase of one period, plus a slow offset so that a moved level keeps its shape."""

    __slots__ = ("bin", "error", "in_visit", "judged", "mean", "means", "memory", "offset", "visits", "weight")

    def __init__(self, bins: int, memory: int) -> None:
        self.means = array("f", bytes(4 * bins))
        self.visits = bytearray(bins)
        self.memory = memory
        self.bin = -1
        self.in_visit = 0
        self.error = 0.0
        self.judged = 0
        self.offset = 0.0
        self.mean = _UNKNOWN
        self.weight = 0.0

    def expect(self, index: int, fraction: float, value: float) -> float:
        """Mean at ``fraction`` (-0.5 to 0.5) of a bin from the centre of bin ``index``, interpolated; NaN if unknown.

        Where the shape steps, at a midnight or an opening hour, half a bin early or late is no deviation: a ``value``
        far from the mean is compared with the neighbouring bins too, and the nearest counts.
        """
        visits = self.visits
        seen = visits[index]
        if not seen or (seen == 1 and self.bin == index):
            self.mean = _UNKNOWN
            return _UNKNOWN
        means = self.means
        mean = means[index]
        other = index + 1 if fraction >= 0.0 else index - 1
        if other == len(visits):
            other = 0
        if visits[other]:
            mean += (means[other] - mean) * (fraction if fraction >= 0.0 else -fraction)
        self.mean = mean = mean + self.offset
        steep = STEP_ERRORS * self.error
        if not -steep <= value - mean <= steep:
            centre = means[index]
            for near in (index - 1, index + 1 if index + 1 < len(visits) else 0):
                step = means[near] - centre
                if (
                    visits[near] > 1
                    and abs(step) > steep
                    and abs(value - centre - step - self.offset) < abs(value - mean)
                ):
                    self.mean = mean = means[near] + self.offset
        return mean

    def learn(self, index: int, value: float, limit: float, far: float, learnt: float, samples_per_bin: float) -> None:
        """Judge the last expectation by ``value``, then move the bin towards ``learnt``, the value cut to plausible.

        One visit of many samples weighs as much as one of few. The offset follows what stays wrong.
        """
        mean = self.mean
        if mean == mean:
            miss = value - mean
            self.offset += (limit if miss > limit else -limit if miss < -limit else miss) * _LEVEL
            size = miss if miss >= 0.0 else -miss
            self.judged = judged = self.judged + 1
            rate = _SLOW if judged > LONG_MEMORY else 1.0 / judged
            self.error = error = self.error + ((size if size < far else far) - self.error) * rate
            if judged > PROFILE_TRUST:
                error += _LEAST
                error *= error
                self.weight = 1.0 / (error * error + _LEAST_SQUARED)
        visits = self.visits[index]
        if index != self.bin:
            self.bin = index
            self.in_visit = 0
            if visits < self.memory:
                self.visits[index] = visits = visits + 1
        self.in_visit = in_visit = self.in_visit + 1
        weight = (visits - 1) * samples_per_bin + in_visit
        limit = self.memory * samples_per_bin
        means = self.means
        mean = means[index]
        means[index] = mean + (learnt - mean) / (weight if weight < limit else limit)


class Baseline:
    """The expectation and the deviation from it, one sample at a time."""

    __slots__ = ("count", "day", "expected", "flat_error", "level", "seasonal_share", "sizes", "spread", "week")

    def __init__(self) -> None:
        self.sizes = array("f", bytes(4 * DAY_BINS))
        self.day = Profile(DAY_BINS, DAY_VISITS)
        self.week = Profile(WEEK_BINS, WEEK_VISITS)
        self.level = 0.0
        self.flat_error = 0.0
        self.spread = 0.0
        self.expected = 0.0
        self.seasonal_share = 0.0
        self.count = 0

    def deviation(self, timestamp: float, value: float, samples_per_bin: float) -> float:
        """Value minus what was expected for this time; learns the value afterwards, cut to a plausible size."""
        self.count = count = self.count + 1
        position = timestamp / BIN_SECONDS
        nearest = int(position + 0.5)
        fraction = position - nearest
        day_bin = nearest % DAY_BINS
        week_bin = nearest % WEEK_BINS
        slow = _SLOW if count > LONG_MEMORY else 1.0 / count
        limit = CLIP * self.spread if count > 20 else 1e300
        far = 3.0 * limit
        flat = value - self.level
        size = flat if flat >= 0.0 else -flat
        error = self.flat_error + _LEAST
        error *= error
        total = flat_weight = 1.0 / (error * error + _LEAST_SQUARED)
        expected = flat_weight * self.level
        day, week = self.day, self.week
        mean = day.expect(day_bin, fraction, value)
        if mean == mean:
            expected += day.weight * mean
            total += day.weight
        mean = week.expect(week_bin, fraction, value)
        if mean == mean:
            expected += week.weight * mean
            total += week.weight
        self.expected = expected = expected / total
        self.seasonal_share = 1.0 - flat_weight / total
        off = value - expected
        learnt = expected + limit if off > limit else expected - limit if off < -limit else value
        day.learn(day_bin, value, limit, far, learnt, samples_per_bin)
        week.learn(week_bin, value, limit, far, learnt, samples_per_bin)
        self.level += (learnt - self.level) * (_LEVEL if count > LEVEL_MEMORY else 1.0 / count)
        self.flat_error += ((size if size < far else far) - self.flat_error) * slow
        spread = self.spread
        size = off if off >= 0.0 else -off
        if size > limit:
            size = limit
        self.spread = spread + (size - spread) * slow
        return off / self._restlessness(day_bin, size, spread, samples_per_bin)

    def _restlessness(self, index: int, size: float, spread: float, samples_per_bin: float) -> float:
        """How much larger deviations are at this time of day than overall; 1 unless that is beyond chance."""
        usual = self.sizes[index]
        visits = self.day.visits[index]
        samples = samples_per_bin * (visits if visits < SIZE_VISITS else SIZE_VISITS)
        in_visit = self.day.in_visit
        self.sizes[index] = usual + (size - usual) / (samples if samples > in_visit else in_visit)
        if visits < SIZE_TRUST_VISITS or spread == 0.0:
            return 1.0
        ratio = usual / spread
        chance = SIZE_CHANCE / sqrt(samples)
        if ratio > 1.0 + chance:
            return ratio - chance
        return ratio + chance if ratio < 1.0 - chance else 1.0
