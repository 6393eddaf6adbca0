"""A series with its windows and alarms, as an SVG picture and as one line of text."""

from collections.abc import Sequence
from html import escape
from math import isfinite

from controlplane.domain.anomaly.backtest import Backtest
from controlplane.services.anomaly_backtest import Trace

_WIDTH, _HEIGHT, _MARGIN, _SCORES = 1200, 420, 40, 90
_OPEN = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}"'
_BLOCKS = "▁▂▃▄▅▆▇█"
_TEXT = 'font-family="sans-serif" font-size="12" fill="#444"'


def svg(title: str, result: Backtest, trace: Trace) -> str:
    """A picture of its own: values above, score below, windows shaded, alarms as lines with the reason on hover."""
    points = [(time, value) for time, value in zip(trace.times, trace.values, strict=True) if isfinite(value)]
    if not points:
        return f'{_OPEN} height="60"><text x="10" y="30" {_TEXT}>no data</text></svg>\n'
    first, last = min(trace.times), max(trace.times)
    low, high = min(value for _, value in points), max(value for _, value in points)
    bottom = _HEIGHT - _SCORES - 2 * _MARGIN

    def across(time: float) -> float:
        return round(_MARGIN + (_WIDTH - 2 * _MARGIN) * _share(time, first, last), 1)

    def up(value: float) -> float:
        return round(_MARGIN + bottom * (1 - _share(value, low, high)), 1)

    parts = [f'{_OPEN} height="{_HEIGHT}">']
    parts.append(
        f'<rect width="100%" height="100%" fill="#fff"/><text x="{_MARGIN}" y="22" {_TEXT}>{escape(title)}</text>'
    )
    for window in result.windows:
        left, right = across(max(window.start, first)), across(min(window.end, last))
        parts.append(
            f'<rect x="{left}" y="{_MARGIN}" width="{max(right - left, 1):.1f}" height="{bottom}" fill="#fde3b0"/>'
        )
    line = " ".join(f"{across(time)},{up(value)}" for time, value in _thin(points))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#2b6cb0" stroke-width="1"/>')
    for alarm in result.alarms:
        colour = "#2f855a" if alarm.in_window else "#c53030"
        parts.append(
            f'<line x1="{across(alarm.at)}" x2="{across(alarm.at)}" y1="{_MARGIN}" y2="{_HEIGHT - _MARGIN}" '
            f'stroke="{colour}" stroke-width="2"><title>{escape(alarm.reason)}</title></line>'
        )
    base = _HEIGHT - _MARGIN
    for time, score in _thin(list(zip(trace.times, trace.scores, strict=True))):
        if score > 0.5:
            at, top = across(time), base - _SCORES * score
            parts.append(f'<line x1="{at}" x2="{at}" y1="{base}" y2="{top:.1f}" stroke="#a0aec0"/>')
    for height, number in ((_MARGIN, high), (_MARGIN + bottom, low)):
        parts.append(f'<text x="4" y="{height}" {_TEXT}>{number:.4g}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def sparkline(values: Sequence[float], columns: int = 100) -> str:
    """The series in one line of blocks, each column the highest of its samples; a blank where there is none."""
    step = max(1, -(-len(values) // columns))
    groups = [[value for value in values[at : at + step] if isfinite(value)] for at in range(0, len(values), step)]
    tops = [max(group) for group in groups if group]
    if not tops:
        return ""
    low, high = min(tops), max(tops)
    return "".join(_BLOCKS[int(7.999 * _share(max(group), low, high))] if group else " " for group in groups)


def _thin(points: list[tuple[float, float]], most: int = 3000) -> list[tuple[float, float]]:
    """Lowest and highest of each step, in order, so that no spike is lost."""
    step = max(1, 2 * len(points) // most)
    if step == 1:
        return points
    kept = []
    for at in range(0, len(points), step):
        group = points[at : at + step]
        ends = {min(group, key=lambda point: point[1]), max(group, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def _share(value: float, low: float, high: float) -> float:
    if not high > low:
        return 0.5
    # Halved first: the range of huge values may itself be too large for a float.
    return (value / 2 - low / 2) / (high / 2 - low / 2)
