"""Spread shifts: the series became restless, or unusually quiet."""

from math import log

from controlplane.domain.anomaly.parameters import CLIP, MIDDLE_WINDOW

_WEIGHT = 2.0 / (MIDDLE_WINDOW + 1.0)


class Spread:
    """Log of the recent mean surprise against its own long history, both ways."""

    __slots__ = ("centre", "change", "recent", "scale")

    def __init__(self) -> None:
        self.recent = 0.0
        self.centre = 0.0
        self.scale = 0.0
        self.change = 0.0

    def evidence(self, ratio: float, rate: float) -> float:
        """``ratio`` is the size of the point surprise in usual sizes."""
        self.recent = recent = self.recent + ((ratio if ratio < CLIP else CLIP) - self.recent) * _WEIGHT
        # The summand keeps silence from being infinitely quiet.
        now = log(recent + 0.1)
        self.change = change = now - self.centre
        self.centre += change * rate
        size = change if change >= 0.0 else -change
        scale = self.scale
        limit = CLIP * scale
        self.scale = scale + ((size if size < limit or rate > 0.05 else limit) - scale) * rate
        return size / scale if scale > 0.03 else size / 0.03
