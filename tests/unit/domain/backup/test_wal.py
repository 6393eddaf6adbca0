"""Names of WAL files, gaps between them, and which nobody needs."""

import pytest

from controlplane.domain.backup.target import Lsn
from controlplane.domain.backup.wal import Segment, gaps, unneeded


@pytest.mark.parametrize(
    "name", ["000000010000000000000001", "0000000A000000FF000000FE", "000000010000000000000002.partial"]
)
def test_names_survive_reading(name: str) -> None:
    segment = Segment.parse(name)
    assert segment is not None
    assert segment.name == name


@pytest.mark.parametrize("name", ["00000002.history", "life.json", "00000001000000000000000G", ""])
def test_other_files_are_no_segments(name: str) -> None:
    assert Segment.parse(name) is None


def test_a_position_is_in_its_segment() -> None:
    segment = Segment.holding(Lsn.parse("1/2000028"), timeline=3)
    assert segment.name == "000000030000000100000002"
    assert (str(segment.start), str(segment.end)) == ("1/2000000", "1/3000000")


def test_gaps() -> None:
    whole = [Segment(1, number) for number in (4, 5, 6)] + [Segment(2, 6), Segment(2, 7)]
    assert gaps(whole) == []
    assert gaps([*whole, Segment(2, 9)]) == [(Segment(2, 7), Segment(2, 9))]


def test_what_ends_before_the_oldest_start_is_unneeded() -> None:
    segments = [Segment(1, number) for number in range(1, 6)]
    assert unneeded(segments, Segment(1, 3).start) == segments[:2]
    assert unneeded(segments, Lsn(Segment(1, 3).start.value + 40)) == segments[:2]
