"""What is watched: a query, and the identity of each series that it gives."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

_NOT_IDENTITY = frozenset({"__name__"})


@dataclass(frozen=True)
class Watch:
    """One query whose series are scored. ``labels`` are those that tell its series apart; none means all."""

    name: str
    query: str
    title: str
    title_zh: str
    unit: str = ""
    service: str = ""
    labels: tuple[str, ...] = ()
    interval_ms: int = 60_000


@dataclass(frozen=True)
class SeriesKey:
    """Identity of a watched series; ``labels`` are sorted by name."""

    watch: str
    labels: tuple[tuple[str, str], ...] = ()

    @cached_property
    def id(self) -> str:
        """Sixteen hexadecimal digits that stay the same for ever."""
        text = "\0".join([self.watch, *(part for pair in self.labels for part in pair)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        """The labels as people write them, for instance {instance="a"}; empty without labels."""
        return "{" + ", ".join(f'{name}="{value}"' for name, value in self.labels) + "}" if self.labels else ""


def series_key(watch: str, kept: Sequence[str], labels: Mapping[str, str]) -> SeriesKey:
    """Key of a series by the labels to keep (all but the metric's name when none are named)."""
    names = (
        [name for name in kept if name in labels] if kept else [name for name in labels if name not in _NOT_IDENTITY]
    )
    # PostgreSQL cannot keep NUL in a text.
    return SeriesKey(watch, tuple((name, labels[name].replace("\0", "\ufffd")) for name in sorted(names)))
