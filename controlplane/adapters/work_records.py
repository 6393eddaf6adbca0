"""Records of planned work: a JSON file each, and a lock beside it that whoever works holds and touches."""

import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from controlplane.domain.planned_work import PlannedWork
from controlplane.errors import CmctlError, Refused
from controlplane.services.planned_work import KeptRecord

logger = logging.getLogger(__name__)

ALIVE_SECONDS = 2.0


class WorkRecordFolder:
    """Implements WorkRecords. The folder is made with the first record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def holding(self, work: PlannedWork) -> Iterator[None]:
        """Keep a new record and hold it: the lock falls with the process, its file's time is the last sign of life."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = self._lock(work.key).open("a")
        except OSError as error:
            raise _refused(self._folder, error) from error
        with lock:
            if not _taken(lock):
                raise Refused(f"somebody is doing {work.key} already")
            self.save(work)
            over = threading.Event()
            alive = threading.Thread(target=_stay_alive, args=(lock.fileno(), over), name="planned-work", daemon=True)
            alive.start()
            try:
                yield
            finally:
                over.set()
                alive.join()

    def save(self, work: PlannedWork) -> None:
        """Write a record as a whole and make it durable."""
        file = self._file(work.key)
        partial = file.with_suffix(".partial")
        try:
            with partial.open("w", encoding="utf-8") as stream:
                json.dump(work.to_json(), stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(file)
            _sync(self._folder)
        except OSError as error:
            raise _refused(file, error) from error

    def all(self) -> list[KeptRecord]:
        """Every record that can be read; one that cannot is logged."""
        found = []
        try:
            for file in sorted(self._folder.glob("*.json")):
                try:
                    work = PlannedWork.from_json(json.loads(file.read_text(encoding="utf-8")))
                except (ValueError, KeyError, TypeError) as error:
                    extra = {"action": "read_work", "path": str(file), "problem": str(error)}
                    logger.error("A record of planned work cannot be read", extra=extra)
                    continue
                found.append(KeptRecord(work, *self._life(work)))
        except OSError as error:
            raise _refused(self._folder, error) from error
        return found

    def delete(self, key: str) -> None:
        """Forget a record."""
        try:
            self._file(key).unlink(missing_ok=True)
            self._lock(key).unlink(missing_ok=True)
        except OSError as error:
            raise _refused(self._file(key), error) from error

    def _life(self, work: PlannedWork) -> tuple[bool, datetime]:
        """Whether somebody holds a record, and when they last showed that they live."""
        try:
            with self._lock(work.key).open("r") as lock:
                seen_at = datetime.fromtimestamp(os.fstat(lock.fileno()).st_mtime, UTC)
                return not _taken(lock), seen_at
        except FileNotFoundError:
            return False, work.opened_at

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _lock(self, key: str) -> Path:
        return self._folder / f"{key}.lock"


def _taken(lock: IO[str]) -> bool:
    """Take a lock until its file is closed; False when somebody else has it."""
    try:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stay_alive(descriptor: int, over: threading.Event) -> None:
    while not over.wait(ALIVE_SECONDS):
        os.utime(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(path: Path, error: OSError) -> CmctlError:
    return CmctlError(f"{path}: {error.strerror}")
