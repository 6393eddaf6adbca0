"""One sentence per alarm: what happened, by how much, when, and against what."""

from datetime import UTC, datetime

from controlplane.domain.anomaly.verdict import Explanation, Kind


def sentence(facts: Explanation, timestamp: float) -> str:
    """Plain words for an explanation, for instance "level shift +38 % at 14:05, outside the learnt daily band"."""
    return f"{_what(facts)} at {_clock(timestamp)}{_against(facts)}"


def _what(facts: Explanation) -> str:
    amount = _amount(facts)
    match facts.kind:
        case Kind.POINT:
            return f"sudden jump {amount}"
        case Kind.DEVIATION:
            return f"unusual value {amount}"
        case Kind.LEVEL | Kind.PLATEAU:
            return f"level shift {amount}"
        case Kind.DRIFT:
            return f"slow drift {amount}"
        case Kind.SPREAD:
            return "unusually restless" if facts.is_upward else "unusually quiet"
        case Kind.TEXTURE:
            return "unusual rhythm"
        case Kind.STUCK:
            return f"stuck at {facts.value:.6g} for {facts.repeats} samples"
        case Kind.RARE:
            return f"rare value {facts.value:.6g}"
        case Kind.MISSING:
            return "data came back after an unusual gap"


def _amount(facts: Explanation) -> str:
    """Change against the expectation: in percent where that means something, else in the unit of the series."""
    change = facts.value - facts.expected
    if abs(facts.expected) > facts.band > 0.0:
        return f"{100.0 * change / abs(facts.expected):+.0f} %"
    return f"{change:+.4g} to {facts.value:.4g}"


def _against(facts: Explanation) -> str:
    if facts.kind in (Kind.POINT, Kind.DEVIATION, Kind.LEVEL, Kind.PLATEAU, Kind.DRIFT):
        learnt = "the learnt daily band" if facts.seasonal_share > 0.5 else "the usual band"
        return f", outside {learnt} {facts.expected - facts.band:.4g} to {facts.expected + facts.band:.4g}"
    return ", against this series' own history"


def _clock(timestamp: float) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"{timestamp:.0f} s"
