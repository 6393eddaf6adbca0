"""Real log files: read from the end through rotated ones, followed through rotation, in bounded memory."""

import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.adapters.log_files import MAX_LINE_BYTES, LogFile, lines_backward
from controlplane.domain.logline import LogFilter, LogLine
from controlplane.services.logs import last_lines


def opened(path: Path) -> LogFile:
    return LogFile("c", path, UTC)


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[LogFile]:
    """``c.log`` with one old line, followed."""
    path = tmp_path / "c.log"
    path.write_text("old\n", encoding="utf-8")
    log = opened(path)
    log.follow()
    yield log
    log.close()


def texts(lines: Iterable[LogLine]) -> list[str]:
    return [line.text for line in lines]


def stamped(second: int, text: str, level: str = "INFO") -> str:
    return f"2026-01-01 00:00:{second:02d},000 {level} {text}\n"


def test_rotated_files_are_read_after_the_current_one(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    path.write_text(stamped(3, "three"), encoding="utf-8")
    (tmp_path / "c.log.1").write_text(stamped(2, "two"), encoding="utf-8")
    (tmp_path / "c.log.2").write_text(stamped(1, "one"), encoding="utf-8")
    found = last_lines([opened(path)], LogFilter(), 10)
    assert [line.text.split()[-1] for line in found] == ["one", "two", "three"]


def test_a_stack_trace_belongs_to_its_error(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    lines = [stamped(1, "fine"), stamped(2, "boom", "ERROR"), "Traceback:\n", "  File x\n", stamped(3, "fine")]
    path.write_text("".join(lines), encoding="utf-8")
    found = last_lines([opened(path)], LogFilter(level="error"), 10)
    assert [line.text for line in found] == [lines[1].strip("\n"), "Traceback:", "  File x"]
    assert {line.time for line in found} == {datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)}


def test_a_file_that_is_missing_empty_or_not_text(tmp_path: Path) -> None:
    assert list(opened(tmp_path / "none.log").backward()) == []
    path = tmp_path / "c.log"
    path.write_bytes(b"")
    assert list(opened(path).backward()) == []
    path.write_bytes(b"\xff\xfe\x00broken\nlast without end")
    assert texts(opened(path).backward()) == ["last without end", "\ufffd\ufffd\x00broken"]


def test_lines_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    path.write_bytes(b"first\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\nlast\n")
    lines = list(lines_backward(path))
    assert (lines[0], lines[-1]) == (b"last", b"first")
    assert all(len(line) <= 2 * MAX_LINE_BYTES for line in lines)


def test_reading_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"no stamp, no level, number {number}\n" for number in range(500_000))
    tracemalloc.start()
    try:
        found = last_lines([opened(path)], LogFilter(), 10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [line.text for line in found][-1] == "no stamp, no level, number 499999"
    assert peak < 4_000_000


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_following_starts_at_the_end(tmp_path: Path, followed: LogFile) -> None:
    append(tmp_path / "c.log", "new\nhalf")
    assert texts(followed.added()) == ["new"]
    append(tmp_path / "c.log", " done\n")
    assert texts(followed.added()) == ["half done"]


def test_following_through_a_rotation_loses_nothing(tmp_path: Path, followed: LogFile) -> None:
    path = tmp_path / "c.log"
    append(path, "before\n")
    path.rename(tmp_path / "c.log.1")
    append(tmp_path / "c.log.1", "still there\n")
    append(path, "after\n")
    assert texts(followed.added()) == ["before", "still there", "after"]


def test_following_a_file_that_is_truncated(tmp_path: Path, followed: LogFile) -> None:
    append(tmp_path / "c.log", "a long line\n")
    assert texts(followed.added()) == ["a long line"]
    (tmp_path / "c.log").write_text("short\n", encoding="utf-8")
    assert texts(followed.added()) == ["short"]


def test_following_a_file_that_appears_later(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "later.log")) as log:
        log.follow()
        assert texts(log.added()) == []
        append(tmp_path / "later.log", "first\n")
        assert texts(log.added()) == ["first"]
