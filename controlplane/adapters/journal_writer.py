"""The journal's writing thread: writes what was gathered with one call, syncs once, tells all senders."""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controlplane.adapters import journal_files as files

logger = logging.getLogger(__name__)

Waiting = tuple[bytes, Any]
"""A record as it stands in a segment, and what the caller wants back with its outcome."""

Outcome = tuple[int, int] | OSError
"""Segment and its new durable length, or why the batch could not be kept."""


class JournalWriter:
    """Owns the segment that is being written. ``report`` is called in the writer's thread after each batch."""

    def __init__(
        self, folder: Path, last_segment: int, segment_bytes: int, report: Callable[[list[Waiting], Outcome], None]
    ) -> None:
        self._folder = folder
        self._segment = last_segment
        self._segment_bytes = segment_bytes
        self._report = report
        self._queue: queue.SimpleQueue[list[Waiting] | None] = queue.SimpleQueue()
        self._descriptor = -1
        self._written = 0
        self._spare = folder / "spare"
        self._preparing: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, batch: list[Waiting]) -> None:
        """Hand records over, to be written and synced together; never blocks."""
        self._queue.put(batch)

    def stop(self) -> None:
        """Write what waits, then end; returns when that is done."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        self._prepare_spare()
        while (batch := self._queue.get()) is not None:
            try:
                self._write(batch)
                outcome: Outcome = (self._segment, self._written)
            except OSError as error:
                self._cut_failed_write()
                outcome = error
            self._report(batch, outcome)
        self._finish_segment()
        if self._preparing is not None:
            self._preparing.join()

    def _write(self, batch: list[Waiting]) -> None:
        if self._descriptor < 0 or self._written >= self._segment_bytes:
            self._start_segment()
        content = memoryview(b"".join([framed for framed, _ in batch]))
        done = 0
        while done < len(content):
            done += os.pwrite(self._descriptor, content[done:], self._written + done)
        try:
            os.fdatasync(self._descriptor)
        except OSError:
            self._abandon_segment()
            raise
        self._written += len(content)
        if self._written > self._segment_bytes // 2:
            self._prepare_spare_aside()

    # -- segments

    def _start_segment(self) -> None:
        """Open the next segment, prepared ahead if there was time. Raises OSError; nothing has changed then."""
        path = files.segment_path(self._folder, self._segment + 1)
        if self._spare.exists():
            self._spare.rename(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            files.sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            raise
        self._finish_segment()
        self._descriptor, self._written = descriptor, 0
        self._segment += 1

    def _finish_segment(self) -> None:
        """Cut the zeros off and close."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._written)
                os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _cut_failed_write(self) -> None:
        """Take back what a failed write left, so that nothing follows the last good frame."""
        if self._descriptor >= 0:
            try:
                os.ftruncate(self._descriptor, self._written)
            except OSError:
                self._abandon_segment()

    def _abandon_segment(self) -> None:
        """After a failed sync nobody knows what is on disk: go on in another file."""
        self._finish_segment()

    def _prepare_spare(self) -> None:
        """Prepare the next segment. Without space it is written as it grows: slower, and as safe."""
        if self._spare.exists():
            return
        try:
            files.prepare(self._spare, self._segment_bytes)
        except OSError as error:
            logger.info(
                "A journal segment could not be prepared", extra={"action": "prepare_segment", "problem": str(error)}
            )

    def _prepare_spare_aside(self) -> None:
        if self._preparing is None or not self._preparing.is_alive():
            if self._spare.exists():
                return
            self._preparing = threading.Thread(target=self._prepare_spare, name="journal-spare", daemon=True)
            self._preparing.start()
