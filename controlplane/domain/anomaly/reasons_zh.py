"""The sentence of ``reasons`` in Chinese, for those who are on call."""

from datetime import UTC, datetime

from controlplane.domain.anomaly.verdict import Explanation, Kind

_BANDED = frozenset({Kind.POINT, Kind.DEVIATION, Kind.LEVEL, Kind.PLATEAU, Kind.DRIFT})


def sentence_zh(facts: Explanation, timestamp: float) -> str:
    """What happened, by how much, when, and against what."""
    return f"{_clock(timestamp)} {_what(facts)}{_against(facts)}"


def _what(facts: Explanation) -> str:
    amount = _amount(facts)
    match facts.kind:
        case Kind.POINT:
            return f"突然跳变 {amount}"
        case Kind.DEVIATION:
            return f"数值异常 {amount}"
        case Kind.LEVEL | Kind.PLATEAU:
            return f"水平偏移 {amount}"
        case Kind.DRIFT:
            return f"缓慢漂移 {amount}"
        case Kind.SPREAD:
            return "波动异常剧烈" if facts.is_upward else "异常平静"
        case Kind.TEXTURE:
            return "节律异常"
        case Kind.STUCK:
            return f"卡在 {facts.value:.6g}，已 {facts.repeats} 个采样"
        case Kind.RARE:
            return f"罕见取值 {facts.value:.6g}"
        case Kind.MISSING:
            return "数据在异常中断后恢复"


def _amount(facts: Explanation) -> str:
    change = facts.value - facts.expected
    if abs(facts.expected) > facts.band > 0.0:
        return f"{100.0 * change / abs(facts.expected):+.0f} %"
    return f"{change:+.4g}，至 {facts.value:.4g}"


def _against(facts: Explanation) -> str:
    if facts.kind in _BANDED:
        learnt = "学习到的日常区间" if facts.seasonal_share > 0.5 else "通常区间"
        return f"，超出{learnt} {facts.expected - facts.band:.4g} 至 {facts.expected + facts.band:.4g}"
    return "，与该序列自身的历史不符"


def _clock(timestamp: float) -> str:
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"{timestamp:.0f} s"
