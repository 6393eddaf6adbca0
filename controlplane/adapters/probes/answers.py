"""Turning what adapters raise into observations."""

from controlplane.adapters.http import TimedOut
from controlplane.domain.check import CheckState, Limits, Observation
from controlplane.errors import CmctlError


def failure(error: CmctlError) -> Observation:
    """CRITICAL for a target that refuses or answers wrongly, UNKNOWN for one that stays silent."""
    if isinstance(error, TimedOut):
        return Observation(CheckState.UNKNOWN, error.message, timed_out=True)
    return Observation(CheckState.CRITICAL, error.message)


def percentage(what: str, used: float, limits: Limits, detail: str) -> Observation:
    """A used percentage, judged."""
    return Observation(limits.judge(used), f"{what} {used:.1f} % used ({detail})", round(used, 2), "%")


def bytes_text(count: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
