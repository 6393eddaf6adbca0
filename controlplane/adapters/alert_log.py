"""``alerts.log`` (JSON lines, reopened when it was rotated) and the folder of rejected bodies."""

import contextlib
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from controlplane.domain.alert import Alert
from controlplane.services.ingest import decode_alert

logger = logging.getLogger(__name__)

TAIL_BYTES = 8 * 1024 * 1024
LOOK_SECONDS = 1.0  # how often to look whether the file was rotated away
MAX_REJECTED_FILES = 100
MAX_REJECTED_BYTES = 32 * 1024 * 1024


class FileAlertLog:
    """Implements AlertLog. Every append is one write; a file moved away by log rotation is noticed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._failing = False
        self._look_again_at = 0.0

    def append(self, lines: bytes) -> None:
        """Write whole lines and flush them. A failure is logged once, never raised."""
        try:
            self._reopen_if_rotated()
            view = memoryview(lines)
            while view:
                view = view[os.write(self._descriptor, view) :]
            self._failing = False
        except OSError as error:
            if not self._failing:
                logger.error("alerts.log cannot be written", extra={"action": "write_log", "problem": str(error)})
            self._failing = True

    def _reopen_if_rotated(self) -> None:
        now = time.monotonic()
        if self._descriptor >= 0 and now < self._look_again_at:
            return
        self._look_again_at = now + LOOK_SECONDS
        if self._descriptor >= 0:
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_ino == os.fstat(self._descriptor).st_ino:
                    return
            self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o640)
        self._end_torn_line()

    def _end_torn_line(self) -> None:
        """A crash or a full disk may have left half a line: do not let it swallow the next one."""
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_tail(path: Path, max_bytes: int = TAIL_BYTES) -> list[Alert]:
    """The alerts of the newest lines, oldest first. Lines that are not alerts are passed over; no file, no alerts."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - max_bytes))
            lines = log.read().split(b"\n")
    except FileNotFoundError:
        return []
    alerts = []
    for line in lines[1:] if size > max_bytes else lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            alerts.append(decode_alert(line))
    return alerts


class RejectedFolder:
    """Implements RejectedBodies: one file a body, the oldest deleted when there are too many."""

    def __init__(self, folder: Path, max_files: int = MAX_REJECTED_FILES, max_bytes: int = MAX_REJECTED_BYTES) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._sequence = 0

    def keep(self, body: bytes, reason: str) -> str:
        """Keep a body with the reason as its first line; returns the file's name, empty when that failed."""
        self._sequence += 1
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{self._sequence:06d}.rejected"
        head = reason.encode("utf-8", errors="replace")[:2000].replace(b"\n", b" ")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room(len(body))
            with (self._folder / name).open("xb") as file:
                file.write(b"# " + head + b"\n" + body[: self._max_bytes])
        except OSError as error:
            logger.warning("A rejected body could not be kept", extra={"action": "keep_body", "problem": str(error)})
            return ""
        return name

    def _make_room(self, size: int) -> None:
        kept = sorted(self._folder.glob("*.rejected"))
        sizes = [path.stat().st_size for path in kept]
        while kept and (len(kept) >= self._max_files or sum(sizes) + size > self._max_bytes):
            kept.pop(0).unlink(missing_ok=True)
            sizes.pop(0)
