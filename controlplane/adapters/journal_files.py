"""Segment files of the journal: framing, checking, cutting a torn end, preparing files ahead.

A segment is a sequence of frames: length and CRC-32 of the record (both
little-endian, 4 bytes), then the record, which is never empty. The segment
being written is filled with zeros ahead of the data, because syncing a file
that grows makes the file system commit its metadata each time, which takes
many times longer. A crash can leave an incomplete frame at the end of the data
of that segment, never elsewhere: finished segments are cut to their data.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEADER = struct.Struct("<II")
HEADER_BYTES = _HEADER.size
SUFFIX = ".journal"
_ZEROS = bytes(1024 * 1024)


def frame(record: bytes) -> bytes:
    """A record as it stands in a segment."""
    return _HEADER.pack(len(record), zlib.crc32(record)) + record


def segment_path(folder: Path, number: int) -> Path:
    """File of a segment; names sort as numbers do."""
    return folder / f"{number:012d}{SUFFIX}"


def segment_numbers(folder: Path) -> list[int]:
    """Numbers of the segments in a folder, oldest first."""
    return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit())


def read_frames(content: bytes, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """Whole, undamaged records from an offset on, each with the offset behind it; stops at the first bad frame."""
    while offset + HEADER_BYTES <= len(content):
        length, checksum = _HEADER.unpack_from(content, offset)
        end = offset + HEADER_BYTES + length
        record = content[offset + HEADER_BYTES : end]
        if not length or len(record) != length or zlib.crc32(record) != checksum:
            return
        yield record, end
        offset = end


def read_chunk(path: Path, offset: int, limit: int, max_bytes: int) -> list[tuple[bytes, int]]:
    """Records between two offsets: about ``max_bytes`` of them, but at least one when there is any."""
    with path.open("rb") as segment:
        segment.seek(offset)
        content = segment.read(max(HEADER_BYTES, min(max_bytes, limit - offset)))
        if len(content) >= HEADER_BYTES:
            first_frame = HEADER_BYTES + _HEADER.unpack_from(content)[0]
            if first_frame > len(content):
                content += segment.read(min(first_frame, limit - offset) - len(content))
    return [(record, offset + end) for record, end in read_frames(content[: limit - offset])]


def count_frames(path: Path, start: int, limit: int) -> int:
    """How many whole records stand between two offsets; their checksums are not looked at."""
    content = path.read_bytes()[:limit]
    count = 0
    while start + HEADER_BYTES <= len(content):
        start += HEADER_BYTES + _HEADER.unpack_from(content, start)[0]
        count += start <= len(content)
    return count


def sound_length(path: Path) -> tuple[int, bool]:
    """Length of the undamaged beginning of a segment, and whether only zeros follow it."""
    content = path.read_bytes()
    length = max((end for _, end in read_frames(content)), default=0)
    return length, not content[length:].strip(b"\0")


def cut(path: Path, length: int) -> None:
    """Shorten a segment and make that durable."""
    with path.open("r+b") as segment:
        segment.truncate(length)
        os.fsync(segment.fileno())


def prepare(path: Path, size: int) -> None:
    """Make a file of zeros, durable before it gets its name. Raises OSError, and leaves nothing then."""
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            partial.chmod(0o600)
            for start in range(0, size, len(_ZEROS)):
                file.write(_ZEROS[: size - start])
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Make created, renamed and deleted files of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
