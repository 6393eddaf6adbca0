"""SHA-256 and CRC-32C of files in one reading, ahead of time while somebody else writes them."""

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from controlplane.adapters.backup.files import files_below

_CHUNK = 1024 * 1024
_THREADS = 2
# Long enough for a file that was not written for so long to be finished, mostly; whether it was is seen later.
_SETTLED_SECONDS = 0.25
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Hashed:
    """What a file was when it was read. ``stamp``: size and time of change; ``crc32c`` as PostgreSQL writes it."""

    stamp: tuple[int, int]
    sha256: str
    crc32c: str

    @property
    def size_bytes(self) -> int:
        """Size."""
        return self.stamp[0]


class HashCache:
    """Reads each file once; one that changed since is read again."""

    def __init__(self) -> None:
        self._known: dict[Path, Hashed] = {}

    def known(self) -> dict[Path, Hashed]:
        """What was read so far."""
        return dict(self._known)

    def hashed(self, path: Path) -> Hashed:
        """What a file is now. Raises OSError."""
        known, stamp = self._known.get(path), _stamp(path)
        if known is None or known.stamp != stamp:
            known = self._known[path] = _read(path, stamp)
        return known

    def all(self, paths: Sequence[Path]) -> list[Hashed]:
        """What files are now, in their order. Raises OSError."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(self.hashed, paths))

    @contextmanager
    def ahead(self, folder: Path) -> Iterator[None]:
        """For the length of a block, read what is finished in a folder that somebody fills."""
        over = threading.Event()
        thread = threading.Thread(target=self._read_ahead, args=(folder, over), name="hash-ahead", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _read_ahead(self, folder: Path, over: threading.Event) -> None:
        while not over.wait(_LOOK_SECONDS):
            for path in files_below(folder):
                if over.is_set():
                    return
                try:
                    stamp = _stamp(path)
                    if time.time() - stamp[1] / 1e9 > _SETTLED_SECONDS:
                        self.hashed(path)
                except OSError:  # it was renamed or deleted; what is wrong will be told at the end
                    continue


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _read(path: Path, stamp: tuple[int, int]) -> Hashed:
    digest, checksum = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            checksum = google_crc32c.extend(checksum, chunk)
    return Hashed(stamp, digest.hexdigest(), checksum.to_bytes(4, "little").hex())
