"""Turn what a terminal shows into an SVG, for the README.

script -qefc ".venv/bin/cmctl status" /dev/null | .venv/bin/python scripts/terminal_picture.py > docs/images/status.svg
"""

import re
import sys
from collections.abc import Iterator
from html import escape

from controlplane.cli.output import display_width

CHARACTER_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 19, 18
COLOURS = {"30": "#484f58", "31": "#ff7b72", "32": "#3fb950", "33": "#d29922", "34": "#58a6ff", "36": "#39c5cf"}
_CODE = re.compile(r"\x1b\[([0-9;]*)m")
_OTHER = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\r")


def pieces(line: str) -> Iterator[tuple[str, str, bool]]:
    """Text, colour and boldness of each run of characters."""
    colour, is_bold = "#e6edf3", False
    for index, part in enumerate(_CODE.split(line)):
        if index % 2 == 0:
            if part:
                yield part, colour, is_bold
            continue
        for code in part.split(";"):
            if code in ("", "0"):
                colour, is_bold = "#e6edf3", False
            is_bold = is_bold or code == "1"
            colour = COLOURS.get(code, colour)


def picture(text: str) -> str:
    """The SVG."""
    lines = _OTHER.sub("", text).rstrip("\n").split("\n")
    width = max(display_width(_CODE.sub("", line)) for line in lines) * CHARACTER_WIDTH + 2 * MARGIN
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" role="img">',
        '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">',
    ]
    for number, line in enumerate(lines):
        column, spans = 0, []
        for run, colour, is_bold in pieces(line):
            weight = ' font-weight="bold"' if is_bold else ""
            x = MARGIN + column * CHARACTER_WIDTH
            length = display_width(run) * CHARACTER_WIDTH
            spans.append(f'<tspan x="{x:.1f}" textLength="{length:.1f}" fill="{colour}"{weight}>{escape(run)}</tspan>')
            column += display_width(run)
        y = MARGIN + (number + 1) * LINE_HEIGHT - 5
        out.append(f'<text y="{y}" xml:space="preserve">{"".join(spans)}</text>')
    return "\n".join([*out, "</g>", "</svg>"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(picture(sys.stdin.read()))
