"""Curves as one SVG picture: a few panels side by side, each with its lines and a legend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 400, 300, 46, 30, 44
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5")
_FONT = 'font-family="sans-serif" font-size="11" fill="#444"'
_TICKS = 4


@dataclass(frozen=True)
class Panel:
    """Lines by name, as points; ``marked`` are single points that stand out, by the name of their line."""

    title: str
    across: str
    up: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    right: float
    top: float
    marked: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def picture(panels: Sequence[Panel]) -> str:
    """The panels in one row."""
    width, height = len(panels) * _WIDTH, _HEIGHT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">']
    parts.append('<rect width="100%" height="100%" fill="#fff"/>')
    for number, panel in enumerate(panels):
        parts += [f'<g transform="translate({number * _WIDTH},0)">', *_drawn(panel), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _drawn(panel: Panel) -> list[str]:
    right, bottom = _WIDTH - 12, _HEIGHT - _BOTTOM

    def at(point: tuple[float, float]) -> tuple[float, float]:
        share = min(1.0, point[0] / panel.right), min(1.0, point[1] / panel.top)
        return round(_LEFT + share[0] * (right - _LEFT), 1), round(bottom - share[1] * (bottom - _TOP), 1)

    parts = [f'<text x="{_LEFT}" y="18" {_FONT} font-weight="bold">{escape(panel.title)}</text>']
    parts.append(
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}" text-anchor="middle" {_FONT}>{escape(panel.across)}</text>'
    )
    turn = f'transform="rotate(-90 12 {(_TOP + bottom) / 2})"'
    parts.append(
        f'<text x="12" y="{(_TOP + bottom) / 2}" text-anchor="middle" {turn} {_FONT}>{escape(panel.up)}</text>'
    )
    for tick in range(_TICKS + 1):
        x, y = at((panel.right * tick / _TICKS, panel.top * tick / _TICKS))
        parts.append(f'<path d="M{_LEFT},{y}H{right}M{x},{_TOP}V{bottom}" stroke="#e2e8f0" fill="none"/>')
        parts.append(
            f'<text x="{x}" y="{bottom + 14}" text-anchor="middle" {_FONT}>{panel.right * tick / _TICKS:g}</text>'
        )
        parts.append(
            f'<text x="{_LEFT - 4}" y="{y + 4}" text-anchor="end" {_FONT}>{panel.top * tick / _TICKS:g}</text>'
        )
    for number, (name, points) in enumerate(panel.lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        shown = " ".join("{},{}".format(*at(point)) for point in points)
        parts.append(f'<polyline points="{shown}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if name in panel.marked:
            x, y = at(panel.marked[name])
            parts.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>')
        y = bottom - 8 - 14 * (len(panel.lines) - 1 - number)
        parts.append(
            f'<text x="{right - 6}" y="{y}" text-anchor="end" {_FONT} style="fill:{colour}">{escape(name)}</text>'
        )
    return parts
