"""Point outliers: the one-step surprise after what the neighbours already told."""

from controlplane.domain.anomaly.parameters import CLIP, LONG_MEMORY, RATIO_LIMIT

_SLOW = 1.0 / LONG_MEMORY


class Point:
    """Residual of a first-order autoregression on the deviations, in units of its own usual size."""

    __slots__ = ("covariance", "previous", "residual", "scale", "variance")

    def __init__(self) -> None:
        self.previous = 0.0
        self.variance = 0.0
        self.covariance = 0.0
        self.scale = 0.0
        self.residual = 0.0

    def evidence(self, deviation: float, clipped: float, spread: float, rate: float) -> float:
        """Size of the surprise as a ratio.

        ``clipped`` is the deviation, cut to ``CLIP`` times the spread; ``rate`` the weight of one sample in averages.
        """
        variance = self.variance
        share = self.covariance / variance if variance > 0.0 else 0.0
        if share > 1.0:
            share = 1.0
        previous = self.previous
        self.residual = residual = deviation - share * previous
        size = residual if residual >= 0.0 else -residual
        self.covariance += (clipped * previous - self.covariance) * rate
        self.variance = variance + (clipped * clipped - variance) * rate
        self.previous = clipped
        scale = self.scale
        floor = 1e-6 * spread
        usual = scale if scale > floor else floor
        limit = CLIP * usual
        if size < limit:
            self.scale = scale + (size - scale) * rate
            return size / usual
        self.scale = scale + ((size if rate > 0.05 else limit) - scale) * rate
        if usual > 0.0:
            ratio = size / usual
            return ratio if ratio < RATIO_LIMIT else RATIO_LIMIT
        return RATIO_LIMIT if size > 0.0 else 0.0
