"""Files of recovery sets: hashed, made durable, given back the space of zeros."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from controlplane.domain.backup.manifest import FileEntry
from controlplane.errors import CmctlError

_CHUNK = 1024 * 1024
_HASHING_THREADS = 2
Advance = Callable[[int], None]


def files_below(folder: Path) -> list[Path]:
    """Every regular file below a folder, sorted. Symbolic links are not followed."""
    found = [Path(place) / name for place, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def entries(root: Path, paths: Iterable[Path], advance: Advance) -> tuple[FileEntry, ...]:
    """Size and SHA-256 of files, with paths relative to ``root``; ``advance`` gets the bytes of each file done."""
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:

        def entry(path: Path) -> FileEntry:
            size, digest = hashed(path)
            advance(size)
            return FileEntry(path.relative_to(root).as_posix(), size, digest)

        return tuple(pool.map(entry, paths))


def hashed(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 in hex of a file as it is on disk now. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def sync_file(path: Path) -> None:
    """Make a file's or a folder's own content durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(folder: Path) -> None:
    """Make the names in a folder and below durable."""
    for place, _, _ in os.walk(folder):
        sync_file(Path(place))


def copy_durably(source: Path, target: Path) -> None:
    """Copy one file and make it durable."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with naming(target):
        shutil.copyfile(source, target)
    target.chmod(0o600)
    sync_file(target)


def release_zeros(path: Path) -> None:
    """Turn the zeros at the end of a file into a hole: a WAL file is mostly that; what is read stays the same."""
    size = path.stat().st_size
    end = size
    with path.open("r+b") as file:
        while end > 0:
            start = max(0, end - _CHUNK)
            file.seek(start)
            content = file.read(end - start).rstrip(b"\0")
            if content:
                end = start + len(content)
                break
            end = start
        file.truncate(end)
        file.truncate(size)
        file.flush()
        os.fsync(file.fileno())


def remove_tree(folder: Path) -> None:
    """Delete a folder with its content. Raises CmctlError that names what could not be deleted."""
    with told("deleted"):
        if folder.exists():
            shutil.rmtree(folder)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the path into an OSError that has none: what is written to an open file fails without one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def told(verb: str) -> Iterator[None]:
    """Translate a failure of the file system: the path, what could not be done, and why."""
    try:
        yield
    except OSError as error:
        place, reason = error.filename or "a file", error.strerror or error
        if isinstance(error, shutil.Error) and isinstance(error.args[0], list):  # of a tree: all that failed
            place, reason = error.args[0][0][1:3]
        raise CmctlError(
            f"{place}: could not be {verb}: {reason}",
            hint="check space and permissions of the backup directory",
        ) from error
