"""What verifying a set found, and which sets are to be verified next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Verification:
    """The outcome for one set. No problems: everything in it is as it was made. ``notes`` limit what it is good for."""

    set_id: str
    verified_at: datetime
    files: int
    size_bytes: int
    seconds: float
    problems: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def due(set_ids: Sequence[str], known: Mapping[str, Verification], now: datetime, again_after: timedelta) -> list[str]:
    """Sets to verify now: those never verified, and those whose last time is long ago; bad ones always."""
    return [
        set_id
        for set_id in set_ids
        if (last := known.get(set_id)) is None or not last.is_good or now - last.verified_at >= again_after
    ]
