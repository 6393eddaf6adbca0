"""A stretch with its band: as text for a terminal, as SVG for a page."""

from collections.abc import Sequence
from html import escape
from math import isfinite

from controlplane.services.anomaly.stretch import Stretch

_WIDTH, _HEIGHT, _LEFT, _EDGE = 900, 220, 70, 24


def text_chart(stretch: Stretch, started: float, ended: float, columns: int = 96, rows: int = 14) -> list[str]:
    """Lines of a chart: ● a sample inside the band, ◆ one outside, ░ the band, ▔ below marks the episode."""
    groups = _columns(stretch, columns)
    low, high = _range(stretch)
    cells = [[" "] * len(groups) for _ in range(rows)]

    def row_of(value: float) -> int:
        return rows - 1 - min(rows - 1, max(0, int(rows * _share(value, low, high))))

    for column, indices in enumerate(groups):
        top, bottom = row_of(max(stretch.upper[i] for i in indices)), row_of(min(stretch.lower[i] for i in indices))
        for row in range(top, bottom + 1):
            cells[row][column] = "░"
        for index in indices:
            value = stretch.values[index]
            is_inside = stretch.lower[index] <= value <= stretch.upper[index]
            row = row_of(value)
            if is_inside and cells[row][column] == "◆":
                continue
            cells[row][column] = "●" if is_inside else "◆"
    marks = ["▔" if any(started <= stretch.times[i] <= ended for i in indices) else " " for indices in groups]
    labels = {0: f"{high:.4g}", rows - 1: f"{low:.4g}"}
    lines = [f"{labels.get(row, ''):>10} │{''.join(line)}".rstrip() for row, line in enumerate(cells)]
    return [*lines, " " * 12 + "".join(marks).rstrip()]


def svg_chart(stretch: Stretch, started: float, ended: float, title: str) -> str:
    """The same as a picture of its own. Colours are attributes: a page's policy may forbid styles."""
    low, high = _range(stretch)
    first, last = stretch.times[0], stretch.times[-1]

    def across(at: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _EDGE) * _share(at, first, last), 1)

    def down(value: float) -> float:
        return round(_EDGE + (_HEIGHT - 2 * _EDGE) * (1 - _share(value, low, high)), 1)

    upper = [f"{across(at)},{down(value)}" for at, value in zip(stretch.times, stretch.upper, strict=True)]
    lower = [f"{across(at)},{down(value)}" for at, value in zip(stretch.times, stretch.lower, strict=True)]
    line = " ".join(f"{across(at)},{down(value)}" for at, value in zip(stretch.times, stretch.values, strict=True))
    left, right = across(max(started, first)), across(min(ended, last))
    text = 'font-family="sans-serif" font-size="12" fill="#777"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect x="{left}" y="{_EDGE}" width="{max(right - left, 1):.1f}" height="{_HEIGHT - 2 * _EDGE}" '
            'fill="#c53030" fill-opacity="0.12"/>',
            f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="#2b6cb0" fill-opacity="0.18"/>',
            f'<polyline points="{line}" fill="none" stroke="#2b6cb0" stroke-width="1.5"/>',
            f'<text x="{_LEFT - 6}" y="{_EDGE + 4}" text-anchor="end" {text}>{high:.4g}</text>',
            f'<text x="{_LEFT - 6}" y="{_HEIGHT - _EDGE}" text-anchor="end" {text}>{low:.4g}</text>',
            "</svg>",
        ]
    )


def _columns(stretch: Stretch, most: int) -> list[range]:
    count = len(stretch.times)
    columns = min(most, count)
    return [
        range(count * at // columns, max(count * (at + 1) // columns, count * at // columns + 1))
        for at in range(columns)
    ]


def _range(stretch: Stretch) -> tuple[float, float]:
    ends: list[float] = [value for part in (stretch.values, stretch.lower, stretch.upper) for value in _finite(part)]
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if isfinite(value)]


def _share(value: float, low: float, high: float) -> float:
    # Halved first: the range of huge values may itself be too large for a float.
    return (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
