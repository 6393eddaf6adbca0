"""Several logs read as one."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from controlplane.domain.logline import LogFilter, LogLine
from controlplane.services.logs import last_lines, new_lines

START = datetime(2026, 1, 1, tzinfo=UTC)


def line(component: str, second: int, level: str = "info") -> LogLine:
    return LogLine(component, f"{component}{second}", START + timedelta(seconds=second), level, "")


class Recorded:
    """A log that counts how many of its lines are read."""

    def __init__(self, *lines: LogLine) -> None:
        self._lines = lines
        self.read = 0

    def backward(self) -> Iterator[LogLine]:
        for item in reversed(self._lines):
            self.read += 1
            yield item

    def follow(self) -> None:
        raise AssertionError

    def added(self) -> Iterable[LogLine]:
        return self._lines

    close = follow


def test_the_last_lines_of_all_merged_by_time() -> None:
    sources = [Recorded(line("a", 1), line("a", 4)), Recorded(line("b", 2), line("b", 3))]
    assert [item.text for item in last_lines(sources, LogFilter(), 3)] == ["b2", "b3", "a4"]


def test_no_more_is_read_than_needed() -> None:
    source = Recorded(*(line("a", second) for second in range(1000)))
    last_lines([source], LogFilter(), 2)
    assert source.read == 2
    last_lines([source], LogFilter(since=START + timedelta(seconds=990)), 1000)
    assert source.read == 2 + 11


def test_a_filter_reads_on_until_it_has_enough() -> None:
    source = Recorded(line("a", 1, "error"), line("a", 2), line("a", 3, "error"), line("a", 4))
    assert [item.text for item in last_lines([source], LogFilter(level="error"), 2)] == ["a1", "a3"]


def test_no_lines_wanted() -> None:
    source = Recorded(line("a", 1))
    assert last_lines([source], LogFilter(), 0) == []
    assert source.read == 0


def test_new_lines_are_merged_and_filtered() -> None:
    sources = [Recorded(line("a", 1), line("a", 3)), Recorded(line("b", 2), line("b", 4, "error"))]
    assert [item.text for item in new_lines(sources, LogFilter())] == ["a1", "b2", "a3", "b4"]
    assert [item.text for item in new_lines(sources, LogFilter(level="error"))] == ["b4"]
