"""A Qdrant server (1.16 or newer, for collection metadata) by its REST interface."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException

from mcp_server.config import Vectors
from mcp_server.domain.memory import Collection, Filter, Point
from mcp_server.errors import VectorsUnavailable
from mcp_server.settings_file import resolve

PAGE = 5_000
INDEXED_FIELDS = {
    "session": models.PayloadSchemaType.KEYWORD,
    "kind": models.PayloadSchemaType.KEYWORD,
    "created_at": models.PayloadSchemaType.FLOAT,
}

Result = TypeVar("Result")


class QdrantServerVectors:
    """Implements VectorStore."""

    def __init__(self, settings: Vectors) -> None:
        self._url = str(settings.url)
        self._name = settings.collection
        self._timeout = settings.timeout_seconds
        self._client = AsyncQdrantClient(
            url=self._url,
            port=None,
            api_key=resolve(settings.api_key) if settings.api_key else None,
            timeout=math.ceil(settings.timeout_seconds),
            check_compatibility=False,
        )

    async def collection(self) -> Collection | None:
        """Identity of the stored vectors, from the collection's metadata."""
        if not await self._call(self._client.collection_exists(self._name)):
            return None
        info = await self._call(self._client.get_collection(self._name))
        metadata = info.config.metadata or {}
        try:
            return Collection(metadata["model"], int(metadata["dimension"]), UUID(metadata["generation"]))
        except (KeyError, ValueError, TypeError) as error:
            raise VectorsUnavailable(
                f"Qdrant at {self._url}: collection {self._name} was not made by this server",
                hint="set vectors.collection to another name, or run claude-memory-mcp reindex to replace it",
            ) from error

    async def recreate(self, collection: Collection) -> None:
        """Drop the collection and start an empty one."""
        await self._call(self._client.delete_collection(self._name))
        await self._call(
            self._client.create_collection(
                self._name,
                vectors_config=models.VectorParams(size=collection.dimension, distance=models.Distance.COSINE),
                metadata={
                    "model": collection.model,
                    "dimension": collection.dimension,
                    "generation": str(collection.generation),
                },
            )
        )
        for field, kind in INDEXED_FIELDS.items():
            await self._call(self._client.create_payload_index(self._name, field, kind, wait=True))

    async def upsert(self, points: Sequence[Point]) -> None:
        """Write vectors; the answer comes once they are durable."""
        structs = [models.PointStruct(id=str(p.id), vector=p.vector, payload=_payload(p)) for p in points]
        await self._call(self._client.upsert(self._name, structs, wait=True))

    async def delete(self, ids: Sequence[UUID]) -> None:
        """Remove vectors."""
        selector = models.PointIdsList(points=[str(id) for id in ids])
        await self._call(self._client.delete(self._name, selector, wait=True))

    async def flush(self) -> None:
        """Nothing to do: the server's write-ahead log has it."""

    async def search(self, vector: Sequence[float], chosen: Filter, limit: int) -> list[UUID]:
        """Ids of the nearest vectors, best first."""
        answer = await self._call(
            self._client.query_points(
                self._name, query=list(vector), query_filter=_filter(chosen), limit=limit, with_payload=False
            )
        )
        return [UUID(str(point.id)) for point in answer.points]

    async def count(self) -> int:
        """Number of vectors."""
        return (await self._call(self._client.count(self._name, exact=True))).count

    async def ids(self) -> AsyncIterator[list[UUID]]:
        """All ids, page by page."""
        offset: Any = None
        while True:
            records, offset = await self._call(
                self._client.scroll(self._name, limit=PAGE, offset=offset, with_payload=False, with_vectors=False)
            )
            if records:
                yield [UUID(str(record.id)) for record in records]
            if offset is None:
                return

    async def copy(self) -> None:
        """The server keeps its files; after a restore its vectors are compared with PostgreSQL or made anew."""

    def revision(self) -> None:
        """Others may write to the server."""

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _call(self, request: Awaitable[Result]) -> Result:
        try:
            async with asyncio.timeout(self._timeout):
                return await request
        except (ApiException, OSError, TimeoutError, ValueError) as error:
            raise VectorsUnavailable(
                f"Qdrant at {self._url}: {_reason(error)}", hint="start Qdrant; the memory server recovers by itself"
            ) from error


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else "no answer in time"


def _payload(point: Point) -> dict[str, Any]:
    return {"session": point.session, "kind": point.kind, "created_at": point.created_at.timestamp()}


def _filter(chosen: Filter) -> models.Filter | None:
    conditions: list[models.Condition] = [
        models.FieldCondition(key=key, match=models.MatchValue(value=value))
        for key, value in (("session", chosen.session), ("kind", chosen.kind))
        if value is not None
    ]
    if chosen.since is not None or chosen.until is not None:
        period = models.Range(
            gte=None if chosen.since is None else chosen.since.timestamp(),
            lt=None if chosen.until is None else chosen.until.timestamp(),
        )
        conditions.append(models.FieldCondition(key="created_at", range=period))
    return models.Filter(must=conditions) if conditions else None
