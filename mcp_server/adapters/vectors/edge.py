"""Qdrant Edge: the engine in this process, a shard in a folder.

One process owns a shard. A lock file beside it says so before the engine is asked, so that a second process gets a
clear answer and can go to the first one's HTTP port instead.

The shard's ``optimize`` is never called. It would build a graph for approximate search, but it keeps Python's global
lock for all that time (42 s for 15,000 vectors of 384 numbers on two busy cores): the server would not even answer
its watchdog. Every search reads all vectors, and is exact.
"""

import asyncio
import fcntl
import functools
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import qdrant_edge as edge

from mcp_server.domain.memory import Collection, Filter, Point
from mcp_server.errors import ShardInUse, VectorsUnavailable

PAGE = 5_000

Result = TypeVar("Result")


class EdgeVectors:
    """Implements VectorStore. The shard is opened at first use and every call runs in one of two threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard: edge.EdgeShard | None = None
        self._collection: Collection | None = None
        self._lock_file: int | None = None
        # Of what this process has opened and written: another may have changed the files before and after.
        self._life, self._writes = uuid4().hex, 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="qdrant-edge-write")
        self._reader = ThreadPoolExecutor(2, thread_name_prefix="qdrant-edge-read")

    async def collection(self) -> Collection | None:
        """Identity of the stored vectors."""
        await self._write(self._open)
        return self._collection

    async def recreate(self, collection: Collection) -> None:
        """Drop everything and start an empty collection."""
        await self._write(self._recreate, collection)

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write vectors."""
        batch = [edge.Point(point.id, point.vector, _payload(point)) for point in points]
        await self._update(edge.UpdateOperation.upsert_points(batch))

    async def delete(self, ids: Sequence[UUID]) -> None:
        """Remove vectors."""
        await self._update(edge.UpdateOperation.delete_points(list(ids)))

    async def flush(self) -> None:
        """Make everything written so far durable."""
        await self._write(lambda: self._opened().flush())

    async def search(self, vector: Sequence[float], chosen: Filter, limit: int) -> list[UUID]:
        """Ids of the nearest vectors, best first."""
        request = edge.QueryRequest(
            query=edge.Query.Nearest(list(vector)), limit=limit, filter=_filter(chosen), with_payload=False
        )
        found = await self._read(lambda: self._opened().query(request))
        return [_uuid(point.id) for point in found]

    async def count(self) -> int:
        """Number of vectors."""
        return await self._read(lambda: int(self._opened().count(edge.CountRequest(exact=True))))

    async def ids(self) -> AsyncIterator[list[UUID]]:
        """All ids, page by page."""
        offset: Any = None
        while True:
            request = edge.ScrollRequest(offset=offset, limit=PAGE, with_payload=False, with_vector=False)
            records, offset = await self._read(functools.partial(self._scroll, request))
            if records:
                yield [_uuid(record.id) for record in records]
            if offset is None:
                return

    async def copy(self) -> tuple[Path, str]:
        """A copy of the shard's files, made between two writes, and its revision."""
        return await self._write(self._copy)

    def revision(self) -> str:
        """Counts what this process has written."""
        return f"{self._life}-{self._writes}"

    async def close(self) -> None:
        """Flush, close the shard and give up the lock."""
        await self._write(self._close)
        self._writer.shutdown()
        self._reader.shutdown()

    async def _update(self, operation: edge.UpdateOperation) -> None:
        await self._write(self._apply, operation)

    def _apply(self, operation: edge.UpdateOperation) -> None:
        self._writes += 1  # first: what failed may have been written in part
        self._opened().update(operation)

    async def _write(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return await self._run(self._writer, call, *arguments)

    async def _read(self, call: Callable[..., Result]) -> Result:
        return await self._run(self._reader, call)

    async def _run(self, executor: ThreadPoolExecutor, call: Callable[..., Result], *arguments: Any) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, call, *arguments)
        except (ShardInUse, VectorsUnavailable):
            raise
        except Exception as error:  # the engine raises bare Exception
            raise VectorsUnavailable(f"Qdrant Edge shard {self._folder}: {error}") from error

    def _scroll(self, request: edge.ScrollRequest) -> tuple[list[Any], Any]:
        return self._opened().scroll(request)

    def _opened(self) -> edge.EdgeShard:
        if self._shard is None:
            raise VectorsUnavailable(f"Qdrant Edge shard {self._folder} is not open")
        return self._shard

    def _open(self) -> None:
        if self._shard is not None:
            return
        self._take_lock()
        identity = _read_identity(self._identity_path)
        if identity is None:
            return
        try:
            self._shard = edge.EdgeShard.load(str(self._shard_path))
        except Exception as error:  # the engine raises bare Exception
            raise VectorsUnavailable(
                f"Qdrant Edge shard {self._folder} cannot be opened: {error}",
                hint="`claude-memory-mcp reindex` makes it anew from PostgreSQL",
            ) from error
        self._collection = identity

    def _recreate(self, collection: Collection) -> None:
        self._take_lock()
        self._writes += 1
        if self._shard is not None:
            self._shard.close()
            self._shard = None
        # Without this file the folder counts as empty: it goes first and comes last.
        self._identity_path.unlink(missing_ok=True)
        shutil.rmtree(self._shard_path, ignore_errors=True)
        self._shard_path.mkdir(parents=True)
        shard = edge.EdgeShard.create(str(self._shard_path), _edge_config(collection.dimension))
        for field, kind in _indexed_fields().items():
            shard.update(edge.UpdateOperation.create_field_index(field, kind))
        shard.flush()
        _write_identity(self._identity_path, collection)
        self._shard, self._collection = shard, collection

    def _copy(self) -> tuple[Path, str]:
        # In the writer's thread: nothing is written while the files are copied, and searches change none.
        self._opened().flush()
        target = self._copies_path / uuid4().hex
        shutil.copytree(self._shard_path, target / self._shard_path.name)
        shutil.copy2(self._identity_path, target)
        return target, self.revision()

    def _close(self) -> None:
        if self._shard is not None:
            self._shard.flush()
            self._shard.close()
            self._shard = None
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _take_lock(self) -> None:
        if self._lock_file is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ShardInUse(
                f"Qdrant Edge shard {self._folder} belongs to another process",
                hint="one process owns a shard; it is probably the running memory server",
            ) from error
        self._lock_file = descriptor
        shutil.rmtree(self._copies_path, ignore_errors=True)  # left by a process that was killed

    @property
    def _copies_path(self) -> Path:
        return self._folder / "copies"

    @property
    def _shard_path(self) -> Path:
        return self._folder / "shard"

    @property
    def _identity_path(self) -> Path:
        return self._folder / "collection.json"


def _edge_config(dimension: int) -> edge.EdgeConfig:
    return edge.EdgeConfig(vectors=edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine))


def _indexed_fields() -> dict[str, edge.PayloadSchemaType]:
    kinds = edge.PayloadSchemaType
    return {"session": kinds.Keyword, "kind": kinds.Keyword, "created_at": kinds.Float}


def _payload(point: Point) -> dict[str, Any]:
    return {"session": point.session, "kind": point.kind, "created_at": point.created_at.timestamp()}


def _filter(chosen: Filter) -> edge.Filter | None:
    conditions: list[Any] = [
        edge.FieldCondition(key=key, match=edge.MatchValue(value))
        for key, value in (("session", chosen.session), ("kind", chosen.kind))
        if value is not None
    ]
    if chosen.since is not None or chosen.until is not None:
        period = edge.RangeFloat(gte=_seconds(chosen.since), lt=_seconds(chosen.until))
        conditions.append(edge.FieldCondition(key="created_at", range=period))
    return edge.Filter(must=conditions) if conditions else None


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _uuid(id: Any) -> UUID:
    return id if isinstance(id, UUID) else UUID(str(id))


def _read_identity(path: Path) -> Collection | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Collection(content["model"], int(content["dimension"]), UUID(content["generation"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _write_identity(path: Path, collection: Collection) -> None:
    content = {
        "model": collection.model,
        "dimension": collection.dimension,
        "generation": str(collection.generation),
    }
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
