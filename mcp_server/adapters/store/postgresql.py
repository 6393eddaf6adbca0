"""The MemoryStore on PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from mcp_server.adapters.store.connection import Connection, Database
from mcp_server.adapters.store.queries import named_queries
from mcp_server.domain.memory import Added, Collection, Counts, Filter, Memory, NewMemory
from mcp_server.domain.terms import terms_of
from mcp_server.domain.weights import TermStatistics, WeightedTerms
from mcp_server.errors import StoreUnavailable

PAGE = 5_000
Values = dict[str, Any]


class PostgresqlStore:
    """Implements MemoryStore; every method raises StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = named_queries()

    async def add(self, memories: Sequence[NewMemory], now: datetime) -> list[Added]:
        """Store all or none; see MemoryStore."""
        keys = {
            "sessions": [memory.session for memory in memories],
            "kinds": [memory.kind for memory in memories],
            "hashes": [memory.content_hash for memory in memories],
        }
        ids = [uuid4() for _ in memories]
        values = {
            **keys,
            "ids": ids,
            "contents": [memory.content for memory in memories],
            "metadata": [memory.metadata_json for memory in memories],
            "terms": [" ".join(terms_of(memory.content)) for memory in memories],
            "now": now,
        }
        created = {row[0] for row in await self._fetch("add", values)}
        if len(created) == len(memories):
            return [Added(id, True) for id in ids]
        kept: dict[int, UUID] = dict(await self._fetch("find_same", keys))
        return [_outcome(kept.get(position), created) for position in range(1, len(memories) + 1)]

    async def get(self, ids: Sequence[UUID]) -> list[Memory]:
        """Memories by id, in the order asked for."""
        found = {memory.id: memory for memory in await self._memories("get", {"ids": list(ids)})}
        return [found[id] for id in ids if id in found]

    async def recent(self, chosen: Filter, limit: int) -> list[Memory]:
        """Newest first."""
        return await self._memories("recent", {**_filter_values(chosen), "limit": limit})

    async def delete(self, ids: Sequence[UUID]) -> list[UUID]:
        """Delete and return the ids that existed."""
        return [row[0] for row in await self._fetch("delete", {"ids": list(ids)})]

    async def keyword(self, query: WeightedTerms, chosen: Filter, limit: int) -> list[UUID]:
        """Ids that hold at least one required term, best first."""
        values = {
            "terms": [_quoted(term) for term in query.terms],
            "weights": list(query.weights),
            "required": " | ".join(_quoted(term) for term in query.required),
            **_filter_values(chosen),
            "limit": limit,
        }
        return [row[0] for row in await self._fetch("keyword", values)]

    async def term_statistics(self) -> TermStatistics:
        """Frequencies of the commoner terms among the latest memories."""
        rows = await self._fetch("term_statistics", {})
        return TermStatistics(rows[0][2] if rows else 0, {word: count for word, count, _ in rows})

    async def pending(self, limit: int) -> list[Memory]:
        """Memories whose vectors are to be written."""
        return await self._memories("pending", {"limit": limit})

    async def pending_deletions(self, limit: int) -> list[UUID]:
        """Deleted memories whose vectors are to be removed."""
        return [row[0] for row in await self._fetch("pending_deletions", {"limit": limit})]

    async def settle(self, written: Sequence[UUID], removed: Sequence[UUID]) -> None:
        """Take work that is done out of the outbox."""
        steps: list[tuple[str, Values]] = []
        if written:
            steps.append(("settle_written", {"ids": list(written)}))
        if removed:
            steps.append(("settle_removed", {"ids": list(removed)}))
        await self._execute(steps)

    async def enqueue(self, missing: Sequence[UUID]) -> None:
        """Put memories into the outbox again."""
        await self._execute([("enqueue", {"ids": list(missing)})])

    async def collection(self) -> Collection | None:
        """The vectors that the outbox refers to."""
        rows = await self._fetch("collection", {})
        return Collection(*rows[0]) if rows else None

    async def start_collection(self, collection: Collection) -> None:
        """Remember a new collection and put every memory into the outbox."""
        values = {
            "model": collection.model,
            "dimension": collection.dimension,
            "generation": collection.generation,
        }
        await self._execute([("set_collection", values), ("empty_outbox", {}), ("enqueue_all", {})])

    async def indexed_ids(self) -> AsyncIterator[list[UUID]]:
        """Ids of memories without vector work to do, page by page."""
        after = UUID(int=0)
        while page := [row[0] for row in await self._fetch("indexed_ids", {"after": after, "limit": PAGE})]:
            yield page
            after = page[-1]

    async def pending_count(self) -> int:
        """Length of the outbox."""
        return int((await self._fetch("pending_count", {}))[0][0])

    async def counts(self) -> Counts:
        """What the store holds."""
        by_kind = dict(await self._fetch("count_by_kind", {}))
        sessions, pending, oldest, newest, size = (await self._fetch("counts", {}))[0]
        return Counts(sum(by_kind.values()), sessions, by_kind, oldest, newest, pending, size)

    async def database_size_bytes(self) -> int:
        """Size of the database on disk."""
        return int((await self._fetch("database_size", {}))[0][0])

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()

    async def _memories(self, name: str, values: Values) -> list[Memory]:
        return [Memory(*row) for row in await self._fetch(name, values)]

    async def _fetch(self, name: str, values: Values) -> list[Any]:
        async def work(connection: Connection) -> list[Any]:
            cursor = await connection.execute(self._queries[name], values)
            return list(await cursor.fetchall())

        return await self._database.run(work)

    async def _execute(self, steps: Sequence[tuple[str, Values]]) -> None:
        """Run several statements in one transaction."""

        async def work(connection: Connection) -> None:
            async with connection.transaction():
                for name, values in steps:
                    await connection.execute(self._queries[name], values)

        await self._database.run(work)


def _filter_values(chosen: Filter) -> Values:
    return {"session": chosen.session, "kind": chosen.kind, "since": chosen.since, "until": chosen.until}


def _outcome(id: UUID | None, created: set[UUID]) -> Added:
    """Outcome for one memory; of equal texts in one batch the first counts as created."""
    if id is None:
        raise StoreUnavailable("the memory was deleted while it was being stored again", hint="store it once more")
    outcome = Added(id, id in created)
    created.discard(id)
    return outcome


def _quoted(term: str) -> str:
    """A term as a tsquery literal; the value travels as a parameter."""
    escaped = term.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
