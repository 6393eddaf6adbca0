"""Prometheus durations such as ``30s``, ``500ms`` and ``1m30s``."""

import re

_UNIT_MILLISECONDS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}
_UNIT_MILLISECONDS["ms"] = 1
_PART = re.compile(r"(\d+)(ms|[ywdhms])")
_WHOLE = re.compile(r"(?:\d+(?:ms|[ywdhms]))+|0")


def parse_duration(text: str) -> float:
    """Seconds of a Prometheus duration. Raises ValueError when it is none."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a Prometheus duration")
    return sum(int(number) * _UNIT_MILLISECONDS[unit] for number, unit in _PART.findall(text)) / 1000


def format_duration(seconds: float) -> str:
    """Seconds as a Prometheus duration, exact to the millisecond."""
    milliseconds = round(seconds * 1000)
    if milliseconds % 1000:
        return f"{milliseconds}ms"
    return f"{milliseconds // 1000}s"
