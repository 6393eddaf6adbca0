"""Names of write-ahead log files, and which of them an archive needs.

Source: PostgreSQL documentation, "WAL Internals"; XLogFileName in access/xlog_internal.h.
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.domain.backup.target import Lsn

SEGMENT_BYTES = 16 * 1024 * 1024
_NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")


@dataclass(frozen=True, order=True)
class Segment:
    """One WAL file: ``number`` counts segments from the beginning of the log; a partial one is still growing."""

    timeline: int
    number: int
    is_partial: bool = False
    size_bytes: int = SEGMENT_BYTES

    @classmethod
    def parse(cls, name: str, size_bytes: int = SEGMENT_BYTES) -> "Segment | None":
        """Read a file name; None when it is not a WAL file's."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        per_id = 0x1_0000_0000 // size_bytes
        number = int(match[2], 16) * per_id + int(match[3], 16)
        return cls(int(match[1], 16), number, match[4] is not None, size_bytes)

    @classmethod
    def holding(cls, lsn: Lsn, timeline: int, size_bytes: int = SEGMENT_BYTES) -> "Segment":
        """The segment that a position is in."""
        return cls(timeline, lsn.value // size_bytes, False, size_bytes)

    @property
    def name(self) -> str:
        """Name of its file."""
        per_id = 0x1_0000_0000 // self.size_bytes
        suffix = ".partial" if self.is_partial else ""
        return f"{self.timeline:08X}{self.number // per_id:08X}{self.number % per_id:08X}{suffix}"

    @property
    def start(self) -> Lsn:
        """Its first position."""
        return Lsn(self.number * self.size_bytes)

    @property
    def end(self) -> Lsn:
        """The first position after it."""
        return Lsn((self.number + 1) * self.size_bytes)


def gaps(segments: Iterable[Segment]) -> list[tuple[Segment, Segment]]:
    """Neighbours, in the order of the log, between which at least one segment is missing.

    A change of timeline keeps the number or goes on with the next one.
    """
    ordered = sorted(set(segments), key=lambda item: (item.number, item.timeline))
    return [(before, after) for before, after in itertools.pairwise(ordered) if after.number > before.number + 1]


def unneeded(segments: Iterable[Segment], oldest_needed: Lsn) -> list[Segment]:
    """Whole segments that end before a position: no set that starts there or later replays them."""
    return sorted(segment for segment in segments if segment.end <= oldest_needed)
