"""LogSource on a file that its writer rotates: ``NAME.log``, ``NAME.log.1`` (younger) …"""

import os
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from io import FileIO
from pathlib import Path

from controlplane.domain.logline import LogLine, parse_line

BLOCK_BYTES = 64 * 1024
# Longer lines are cut, and longer continuations of one line (stack traces) fall apart, to bound the memory.
MAX_LINE_BYTES = 64 * 1024
MAX_CONTINUATION_LINES = 1000


class LogFile:
    """One log. ``follow`` keeps the file open until ``close``; reading backward opens it for that time only."""

    def __init__(self, component: str, path: Path, zone: tzinfo) -> None:
        self._component = component
        self._path = path
        self._zone = zone
        self._file: FileIO | None = None
        self._partial = b""
        self._previous: LogLine | None = None

    def follow(self) -> None:
        """Mark the end of the file: ``added`` starts there."""
        self.close()
        self._file = self._open()
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Follow no longer."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def backward(self) -> Iterator[LogLine]:
        """Every kept line, newest first. A line without a time or level gets those of the line it continues."""
        waiting: list[LogLine] = []
        for raw in self._raw_backward():
            line = self._parse(raw)
            if (line.time is None or line.level is None) and len(waiting) < MAX_CONTINUATION_LINES:
                waiting.append(line)
                continue
            yield from (continuation.after(line) for continuation in waiting)
            yield line
            waiting.clear()
        yield from waiting

    def added(self) -> Iterable[LogLine]:
        """Complete lines written since the last call, through a rotation or a truncation."""
        lines = list(self._read_new())
        if self._was_replaced():
            self.close()
            self._file = self._open()
            lines += self._read_new()
        return lines

    def _open(self) -> FileIO | None:
        try:
            return FileIO(self._path)
        except OSError:
            return None

    def _was_replaced(self) -> bool:
        try:
            there = self._path.stat()
        except OSError:
            return False
        if self._file is None:
            return True
        ours = os.fstat(self._file.fileno())
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _read_new(self) -> Iterator[LogLine]:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)
            self._partial = b""
        while block := self._file.read(BLOCK_BYTES):
            *complete, self._partial = (self._partial + block).split(b"\n")
            self._partial = self._partial[:MAX_LINE_BYTES]
            for raw in complete:
                line = self._parse(raw).after(self._previous)
                self._previous = line
                yield line

    def _parse(self, raw: bytes) -> LogLine:
        return parse_line(self._component, raw[:MAX_LINE_BYTES].decode("utf-8", errors="replace"), self._zone)

    def _raw_backward(self) -> Iterator[bytes]:
        number = 0
        path = self._path
        while path.exists():
            yield from lines_backward(path)
            number += 1
            path = self._path.with_name(f"{self._path.name}.{number}")


def lines_backward(path: Path) -> Iterator[bytes]:
    """Lines of a file, last first, reading no more than is asked for. A file that cannot be read has none."""
    try:
        file = FileIO(path)
    except OSError:
        return
    with file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            length = min(BLOCK_BYTES, position)
            position -= length
            file.seek(position)
            first, *complete = (file.read(length) + rest).split(b"\n")
            yield from (line for line in reversed(complete) if line)
            rest = first[-MAX_LINE_BYTES:] if len(first) > MAX_LINE_BYTES else first
        if rest:
            yield rest
