"""A consistent copy of the vectors as one tar stream, for the backups of the control plane.

The first member, ``snapshot.json``, says what the vectors are: model, dimension, generation and count.
"""

import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_server.errors import VectorsUnavailable

if TYPE_CHECKING:  # a command that only asks the server need not load the rest
    from mcp_server.services.ports import VectorStore

IDENTITY_MEMBER = "snapshot.json"
_CHUNK = 1024 * 1024
_BLOCK = 512


@dataclass(frozen=True)
class Snapshot:
    """``folder`` holds the copied files, None when the vector store keeps its own; ``identity`` describes them."""

    identity: dict[str, str | int]
    folder: Path | None

    @property
    def size_bytes(self) -> int:
        """Length of the tar stream."""
        content = len(self._identity_bytes())
        sizes = [content, *(path.stat().st_size for path in self._files())]
        return sum(_BLOCK + size + _padding(size) for size in sizes) + 2 * _BLOCK

    def chunks(self) -> Iterator[bytes]:
        """The tar stream, piece by piece."""
        content = self._identity_bytes()
        yield _header(IDENTITY_MEMBER, len(content))
        yield content + bytes(_padding(len(content)))
        for path in self._files():
            size = path.stat().st_size
            yield _header(str(path.relative_to(self._root())), size)
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
            yield bytes(_padding(size))
        yield bytes(2 * _BLOCK)

    def discard(self) -> None:
        """Delete the copied files."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _identity_bytes(self) -> bytes:
        return json.dumps(self.identity).encode()

    def _root(self) -> Path:
        return self.folder or Path()

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file()) if self.folder else []


async def take(vectors: "VectorStore", now: datetime) -> Snapshot:
    """Copy the vectors. Raises VectorsUnavailable, ShardInUse; ``discard`` the result."""
    collection = await vectors.collection()
    if collection is None:
        raise VectorsUnavailable("there are no vectors yet", hint="wait until the memory server has made them")
    folder, revision = await vectors.copy() or (None, None)
    identity: dict[str, str | int] = {
        "model": collection.model,
        "dimension": collection.dimension,
        "generation": str(collection.generation),
        "count": await vectors.count(),
        "taken_at": now.isoformat(),
        "files": "copied" if folder else "kept by the Qdrant server",
        **({"revision": revision} if revision else {}),
    }
    return Snapshot(identity, folder)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.USTAR_FORMAT)


def _padding(size: int) -> int:
    return -size % _BLOCK
