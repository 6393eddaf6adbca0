"""A report put into words: sections, tables and charts of one language, the same for every format.

Text is plain everywhere; whoever renders it quotes it. ``kind`` is a hint for
the looks, such as a verdict, ``number`` or ``code``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from controlplane.domain.slo.figures import Verdict

ShadeKind = Literal["bad", "unknown", "maintenance"]


@dataclass(frozen=True)
class Inline:
    """A piece of text. ``href`` is http or https, or empty."""

    text: str
    href: str = ""
    kind: str = ""


Cell = tuple[Inline, ...]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    cell: Cell
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table with a caption. ``numeric`` are the columns of numbers.

    ``wide`` is the column that takes the space left; -1 where they share it.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    wide: int = 0
    note: str = ""


@dataclass(frozen=True)
class Shade:
    """A stretch that a chart marks. ``label`` may be written beside it."""

    kind: ShadeKind
    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True)
class Line:
    """A line of a chart; ``values`` are per cent, None where nothing is known, one for each point of time."""

    label: str
    values: tuple[float | None, ...]
    kind: str


@dataclass(frozen=True)
class Panel:
    """One of the two drawings of a chart, with a reference line."""

    title: str
    lines: tuple[Line, ...]
    reference: float
    reference_label: str


@dataclass(frozen=True)
class Chart:
    """Panels above each other with one axis of time. ``edges`` has one moment more than each line has values."""

    name: str
    title: str
    description: str
    edges: tuple[datetime, ...]
    panels: tuple[Panel, ...]
    shades: tuple[Shade, ...]
    shade_labels: dict[ShadeKind, str]
    time_zone: str


@dataclass(frozen=True)
class Drawing:
    """A picture that is made already: one ``<svg>`` element, whose text is quoted."""

    name: str
    title: str
    description: str
    svg: str


Block = Text | Table | Chart | Drawing


@dataclass(frozen=True)
class Section:
    """A heading and what is below it. ``badge`` stands beside the heading."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    badge: Inline | None = None


@dataclass(frozen=True)
class Document:
    """A whole report. ``words`` are the few labels that belong to the format itself."""

    language: str
    title: str
    subtitle: str
    verdict: Verdict
    verdict_text: str
    sentence: str
    facts: tuple[tuple[str, Cell], ...]
    sections: tuple[Section, ...]
    footer: str
    words: dict[str, str] = field(default_factory=dict)

    @property
    def charts(self) -> list[Chart]:
        """Every chart, in order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Chart)]

    @property
    def drawings(self) -> list[Drawing]:
        """Every drawing, in order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Drawing)]


def plain(text: str, kind: str = "", href: str = "") -> Cell:
    """A cell of one piece."""
    return (Inline(text, href, kind),)


def text_of(cell: Sequence[Inline]) -> str:
    """What a cell says, without looks and links."""
    return "".join(one.text for one in cell)
