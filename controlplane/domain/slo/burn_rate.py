"""Multi-window, multi-burn-rate alerting after the Site Reliability Workbook, chapter 5.

Its four pairs are made for 30 days. For another period the windows shrink or
grow with it, so that the same burn rates still spend the same shares of the
budget (2 %, 5 %, 10 %, 10 %) before they alert.
"""

from dataclasses import dataclass
from typing import Literal

from controlplane.domain.slo.objective import DAY_SECONDS
from controlplane.domain.slo.quantities import Quantities

Severity = Literal["page", "ticket"]
Trend = Literal["rising", "steady", "falling", "unknown"]
_REFERENCE_SECONDS = 30 * DAY_SECONDS
_MINUTE = 60.0
_TREND_TOLERANCE = 0.1


@dataclass(frozen=True)
class BurnRatePair:
    """Alert when the burn rate is strictly above ``factor`` over both windows (seconds)."""

    severity: Severity
    factor: float
    long_seconds: float
    short_seconds: float


_REFERENCE = (
    BurnRatePair("page", 14.4, 60 * _MINUTE, 5 * _MINUTE),
    BurnRatePair("page", 6.0, 360 * _MINUTE, 30 * _MINUTE),
    BurnRatePair("ticket", 3.0, 1440 * _MINUTE, 120 * _MINUTE),
    BurnRatePair("ticket", 1.0, 4320 * _MINUTE, 360 * _MINUTE),
)


def burn_rate_pairs(period_seconds: float, step_seconds: float) -> tuple[BurnRatePair, ...]:
    """The four pairs for a period. Windows are whole minutes, the short one at least a minute and four steps."""
    scale = period_seconds / _REFERENCE_SECONDS
    shortest = _whole_minutes(max(_MINUTE, 4 * step_seconds))
    pairs = []
    for pair in _REFERENCE:
        short = max(shortest, _whole_minutes(pair.short_seconds * scale))
        long = max(2 * short, _whole_minutes(pair.long_seconds * scale))
        pairs.append(BurnRatePair(pair.severity, pair.factor, long, short))
    return tuple(pairs)


def _whole_minutes(seconds: float) -> float:
    return round(seconds / _MINUTE + 1e-9) * _MINUTE


def burn_rate(quantities: Quantities, error_budget: float) -> float | None:
    """How many times faster than sustainable the budget is spent; None when nothing is known."""
    sli = quantities.sli
    return None if sli is None else (1.0 - sli) / error_budget


def seconds_to_exhaustion(remaining: float | None, rate: float | None, period_seconds: float) -> float | None:
    """Time until the budget is gone at this burn rate, not counting what leaves a rolling window meanwhile.

    ``remaining`` is the share of the budget that is left. 0 when it is gone already, None when it never ends
    or nothing is known.
    """
    if remaining is None:
        return None
    if remaining <= 0:
        return 0.0
    return remaining * period_seconds / rate if rate else None


def trend(now: float | None, before: float | None) -> Trend:
    """How a burn rate compares with the one over the stretch before; a tenth more or less is steady."""
    if now is None or before is None:
        return "unknown"
    tolerance = _TREND_TOLERANCE * max(abs(now), abs(before))
    if abs(now - before) <= tolerance:
        return "steady"
    return "rising" if now > before else "falling"
