"""Level shifts and slow drift: means over a window that leave their own usual range.

The same detector serves both; only the length of the window differs. Single spikes are cut before they enter the mean,
so that what counts is lasting. The usual size of the mean itself is learnt, which makes the test fair for
autocorrelated series, where means over a window wander by nature.
"""

from controlplane.domain.anomaly.parameters import CLIP, RATIO_LIMIT


class WindowMean:
    """Exponential mean of the deviations against its own usual size."""

    __slots__ = ("mean", "scale", "weight")

    def __init__(self, window: int) -> None:
        self.weight = 2.0 / (window + 1.0)
        self.mean = 0.0
        self.scale = 0.0

    def evidence(self, clipped: float, spread: float, rate: float) -> float:
        """How far the mean is out, as a ratio. ``clipped`` is the deviation, cut to ``CLIP`` times the spread."""
        mean = self.mean
        self.mean = mean = mean + (clipped - mean) * self.weight
        size = mean if mean >= 0.0 else -mean
        scale = self.scale
        floor = 0.05 * spread
        usual = scale if scale > floor else floor
        limit = CLIP * usual
        if size < limit:
            self.scale = scale + (size - scale) * rate
            return size / usual
        self.scale = scale + ((size if rate > 0.05 else limit) - scale) * rate
        if usual > 0.0:
            ratio = size / usual
            return ratio if ratio < RATIO_LIMIT else RATIO_LIMIT
        return 0.0
