"""Charts as SVG, drawn by matplotlib: readable in grey by hatching and labels, and by a screen reader.

Text stays text. The colours are those of the light theme; ``themed`` replaces
them with variables of the page's style sheet.
"""

import io
import logging
import re
from collections.abc import Mapping, Sequence
from html import escape
from math import isnan
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
from matplotlib import dates, font_manager
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from controlplane.adapters.report.fonts import CHINESE_FONT, chinese_font
from controlplane.services.slo.report.document import Chart, Line, Panel, Shade, ShadeKind

WIDTH_INCHES, HEIGHT_INCHES = 7.6, 3.3
INK, DIM, GRID = "#1c2431", "#5b6675", "#d9dee5"
COLOURS: Mapping[str, str] = {
    "sli": "#1a5fb5",
    "budget": "#1a5fb6",
    "worst": "#6b5ca6",
    "bad": "#c01c29",
    "unknown": "#8a93a0",
    "maintenance": "#8a6d1c",
}
VARIABLES: Mapping[str, str] = {
    INK: "text", DIM: "dim", GRID: "line", COLOURS["sli"]: "link", COLOURS["budget"]: "link",
    COLOURS["worst"]: "unknown", COLOURS["bad"]: "critical", COLOURS["unknown"]: "shade",
    COLOURS["maintenance"]: "warning",
}  # fmt: skip
_HATCHES: Mapping[ShadeKind, str] = {"bad": "", "unknown": "xxx", "maintenance": "////"}
_LABELS_SHOWN = 4
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans", CHINESE_FONT],
    "font.size": 9,
    "hatch.linewidth": 0.6,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
}
_AutoDateLocator: Any = dates.AutoDateLocator  # untyped in matplotlib
_DateFormatter: Any = dates.DateFormatter
# The style would hold for the whole page; ids that nothing refers to would occur once in every chart.
_UNWANTED = (re.compile(r"<metadata>.*?</metadata>", re.DOTALL), re.compile(r"<style.*?</style>", re.DOTALL))
_REFERENCE = re.compile(r'(?:url\(#|href="#)([^)"]+)')
_ID = re.compile(r' id="([^"]*)"')
_SIZE = re.compile(r' width="[\d.]+pt" height="[\d.]+pt"')
_PLACES = re.compile(r' (?:d|x|y|width|height|transform)="[^"]*"')
_FRACTION = re.compile(r"\d+\.\d{3,}")
_BETWEEN = re.compile(r">\s+<")
logging.getLogger("matplotlib").setLevel(logging.ERROR)


def draw(chart: Chart) -> str:
    """The chart as one ``<svg>`` element with role, title and description."""
    font_manager.fontManager.addfont(str(chinese_font()))
    # The salt makes ids of hatches and clips differ between the charts of a page, and the same at every run.
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": chart.name}):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), facecolor="none")
        axes = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [1, 1], "hspace": 0.42})
        for axis, panel in zip(axes, chart.panels, strict=True):
            _panel(axis, panel, chart)
        _shade_labels(axes[0], chart)
        _time_axis(axes[1], chart)
        _legend(figure, chart)
        figure.subplots_adjust(left=0.085, right=0.985, top=0.83, bottom=0.09)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _accessible(buffer.getvalue(), chart)


def themed(svg: str) -> str:
    """The same with the page's variables instead of colours."""
    for colour, name in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg


def _panel(axis: Any, panel: Panel, chart: Chart) -> None:
    # A height is given, so that nothing is measured to find one: a fifth of the whole work.
    axis.set_title(panel.title, loc="left", y=1.0, fontsize=9, color=INK, pad=4)
    for shade in chart.shades:
        _shade(axis, shade)
    for line in panel.lines:
        _line(axis, chart, line)
    axis.axhline(panel.reference, color=INK, linewidth=0.9, linestyle=(0, (5, 3)), zorder=3)
    # Above the drawing, where no line and no shade crosses it.
    axis.set_title(f"╌╌ {panel.reference_label}", loc="right", y=1.0, fontsize=8, color=INK, pad=4)
    low, high = _range(panel)
    axis.set_ylim(low, high)
    axis.set_xlim(chart.edges[0], chart.edges[-1])
    axis.grid(axis="y", color=GRID, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.patch.set_alpha(0)
    axis.tick_params(length=2, labelsize=8)
    # Nothing is better than all of it: no marks above 100.
    marks = mpl.ticker.MaxNLocator(nbins=4).tick_values(low, high)
    axis.set_yticks([mark for mark in marks if low <= mark <= min(high, 100.000001)])
    axis.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:.6g}"))


def _range(panel: Panel) -> tuple[float, float]:
    values = [value for line in panel.lines for value in line.values if value is not None]
    low, high = min([*values, panel.reference]), max([*values, panel.reference, 100.0])
    space = 0.06 * (high - low) or 0.1
    return low - space, high + 2 * space


def _line(axis: Any, chart: Chart, line: Line) -> None:
    values = [float("nan") if value is None else value for value in line.values]
    style = {"color": COLOURS[line.kind], "linewidth": 1.5, "zorder": 4, "label": line.label}
    if line.kind == "sli":
        # Steps as they are, less those where nothing changes: no low and no high is lost.
        kept = [at for at, value in enumerate(values) if at == 0 or not _same(value, values[at - 1])]
        axis.stairs(
            [values[at] for at in kept], [chart.edges[at] for at in kept] + [chart.edges[-1]], baseline=None, **style
        )
    else:
        dashes = {"linestyle": (0, (1.5, 1.5))} if line.kind == "worst" else {}
        axis.plot(chart.edges, [100.0, *values], **{**style, **dashes})


def _same(one: float, other: float) -> bool:
    return one == other or (isnan(one) and isnan(other))


def _shade(axis: Any, shade: Shade) -> None:
    # The lost ones have a line of their own, so that two minutes in thirty days can still be seen.
    width, layer = (1.2, 2) if shade.kind == "bad" else (0.5, 1)
    axis.axvspan(shade.start, shade.end, **_look(shade.kind), linewidth=width, zorder=layer)


def _look(kind: ShadeKind) -> dict[str, Any]:
    """Lost is solid, the others are hatched on nothing: told apart in grey, and none hides the lines."""
    colour = COLOURS[kind]
    face = (*mpl.colors.to_rgb(colour), 0.45) if kind == "bad" else "none"
    return {"facecolor": face, "edgecolor": colour, "hatch": _HATCHES[kind]}


def _shade_labels(axis: Any, chart: Chart) -> None:
    """How long the largest losses and maintenance were, where there is room above the drawing."""
    first, last = chart.edges[0], chart.edges[-1]
    length = (last - first).total_seconds()
    taken: list[float] = []
    named = [shade for shade in chart.shades if shade.kind == "bad"]
    for shade in sorted(named, key=lambda one: one.end - one.start, reverse=True)[:_LABELS_SHOWN]:
        middle = ((shade.start - first).total_seconds() + (shade.end - first).total_seconds()) / 2 / length
        if any(abs(middle - other) < 0.13 for other in taken):
            continue
        taken.append(middle)
        axis.annotate(
            shade.label,
            (min(max(middle, 0.02), 0.98), 0.06),
            xycoords="axes fraction",
            xytext=(3 if middle < 0.8 else -3, 0),
            textcoords="offset points",
            ha="left" if middle < 0.8 else "right",
            fontsize=8,
            color=INK,
            zorder=5,
        )


def _time_axis(axis: Any, chart: Chart) -> None:
    zone = ZoneInfo(chart.time_zone)
    axis.xaxis.set_major_locator(_AutoDateLocator(tz=zone, minticks=4, maxticks=9))
    days = (chart.edges[-1] - chart.edges[0]).total_seconds() / 86_400
    pattern = "%m-%d" if days > 4 else "%m-%d %H:%M" if days > 0.9 else "%H:%M"
    axis.xaxis.set_major_formatter(_DateFormatter(pattern, tz=zone))


def _legend(figure: Figure, chart: Chart) -> None:
    handles: list[Any] = [
        Patch(**_look(kind), linewidth=0.6, label=label) for kind, label in chart.shade_labels.items()
    ]
    lines = [handle for axis in figure.axes for handle in axis.get_legend_handles_labels()[0]]
    wanted = [line for line in lines if line.get_label() in {one.label for one in chart.panels[1].lines[1:]}]
    figure.legend(
        handles=[*handles, *wanted],
        loc="upper right",
        ncols=4,
        fontsize=8,
        frameon=False,
        borderaxespad=0.2,
        handlelength=2.2,
        handleheight=1.1,
        columnspacing=1.2,
    )


def _accessible(text: str, chart: Chart) -> str:
    svg = text[text.index("<svg") :].strip()
    for part in _UNWANTED:
        svg = part.sub("", svg)
    used = set(_REFERENCE.findall(svg))
    svg = _ID.sub(lambda match: match[0] if match[1] in used else "", svg)
    svg = _BETWEEN.sub("><", _PLACES.sub(_shortened, svg))
    name = escape(chart.name)
    head, _, rest = svg.partition(">")
    head = _SIZE.sub("", head)
    labels = f' role="img" aria-labelledby="{name}-title {name}-desc"'
    title = f'<title id="{name}-title">{escape(chart.title)}</title>'
    return f'{head}{labels}>{title}<desc id="{name}-desc">{escape(chart.description)}</desc>{rest}'


def _shortened(attribute: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point, which nobody can see, on one line."""
    text = _FRACTION.sub(lambda number: f"{float(number[0]):.2f}", attribute[0])
    return f" {' '.join(text.split())}"


def draw_all(charts: Sequence[Chart]) -> dict[str, str]:
    """SVG of every chart by its name."""
    return {chart.name: draw(chart) for chart in charts}
