"""Missing data: gaps between samples and runs of rows without a number, against the usual cadence."""

from controlplane.domain.anomaly.parameters import GAP_CADENCES, RATIO_LIMIT


class Missing:
    """Learns the cadence; a gap counts in cadences."""

    __slots__ = ("blank_rows", "cadence", "seen")

    def __init__(self) -> None:
        self.cadence = 0.0
        self.seen = 0
        self.blank_rows = 0

    def evidence(self, elapsed: float) -> float:
        """Cadences without data before this sample; 0 when nothing is missing. ``elapsed`` is in seconds, positive."""
        cadence = self.cadence
        if self.seen < 8:
            # The smallest of the first distances is the cadence; later it follows slowly.
            self.seen += 1
            self.cadence = elapsed if cadence == 0.0 or elapsed < cadence else cadence
            return 0.0
        gap = elapsed / cadence
        self.cadence = cadence * (1.0 + 0.02 * ((gap if gap < 2.0 else 2.0) - 1.0))
        if gap <= GAP_CADENCES:
            return 0.0
        return gap if gap < RATIO_LIMIT else RATIO_LIMIT
