"""LogSource on the systemd journal, through journalctl."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from controlplane.domain.logline import LogLine, parse_line
from controlplane.errors import DependencyUnreachable

# Priorities of syslog(3), the gravest first.
_LEVELS = ("critical", "critical", "critical", "error", "warning", "info", "info", "debug")
_READ_BYTES = 1024 * 1024


class JournalLog:
    """What one unit has logged. ``follow`` keeps a journalctl running until ``close``."""

    def __init__(self, component: str, unit: str, program: str = "journalctl") -> None:
        self._component = component
        self._command = (program, "--quiet", "--no-pager", "--output=json", f"--unit={unit}")
        self._following: subprocess.Popen[bytes] | None = None
        self._partial = b""

    def backward(self) -> Iterator[LogLine]:
        """Every kept line, newest first. Raises DependencyUnreachable when journalctl is missing."""
        process = self._start("--reverse")
        try:
            for raw in process.stdout or ():
                yield from self._parsed(raw)
        finally:
            _end(process)

    def follow(self) -> None:
        """Mark the end of the journal: ``added`` starts there. Raises DependencyUnreachable."""
        self.close()
        process = self._start("--lines=0", "--show-cursor")
        said, _ = process.communicate()
        _, _, cursor = said.decode(errors="replace").strip().rpartition("-- cursor: ")
        place = ("--no-tail", f"--after-cursor={cursor}") if cursor else ("--lines=0",)
        self._following = self._start("--follow", *place)
        if self._following.stdout is not None:
            os.set_blocking(self._following.stdout.fileno(), False)

    def close(self) -> None:
        """Follow no longer."""
        if self._following is not None:
            _end(self._following)
            self._following = None
            self._partial = b""

    def added(self) -> Iterable[LogLine]:
        """Lines logged since the last call, oldest first."""
        if self._following is None or self._following.stdout is None:
            return []
        try:
            read = os.read(self._following.stdout.fileno(), _READ_BYTES)
        except BlockingIOError:
            return []
        *whole, self._partial = (self._partial + read).split(b"\n")
        return [line for raw in whole for line in self._parsed(raw)]

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [*self._command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
            )
        except FileNotFoundError as error:
            raise DependencyUnreachable(
                "journalctl is not installed", hint="run cmctl on the deployed host, or name a data directory"
            ) from error

    def _parsed(self, raw: bytes) -> Iterator[LogLine]:
        try:
            entry = json.loads(raw)
        except ValueError:
            return
        if isinstance(entry, Mapping) and (text := _text(entry.get("MESSAGE"))):
            yield _dated(parse_line(self._component, text), entry)


def _text(message: Any) -> str:
    """The message; journalctl gives one that is not UTF-8 as numbers."""
    if isinstance(message, list):
        return bytes(message).decode(errors="replace")
    return message if isinstance(message, str) else ""


def _dated(line: LogLine, entry: Mapping[str, Any]) -> LogLine:
    """The line with the journal's time and level where it tells none itself."""
    stamp, priority = str(entry.get("__REALTIME_TIMESTAMP", "")), str(entry.get("PRIORITY", ""))
    moment = datetime.fromtimestamp(int(stamp) / 1_000_000, UTC) if stamp.isdigit() else None
    level = _LEVELS[int(priority)] if priority in map(str, range(len(_LEVELS))) else None
    return replace(line, time=line.time or moment, level=line.level or level)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
