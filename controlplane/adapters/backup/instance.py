"""The restored system as a drill looks at it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import psycopg

from controlplane.adapters.backup.memory_server import MemoryServerProcess
from controlplane.adapters.backup.production import DIGESTS
from controlplane.domain.backup.restoring import RecoveredServer
from controlplane.errors import CmctlError

_TIMEOUT_SECONDS = 60.0
_AGREE_SECONDS = 900.0
_POLL_SECONDS = 0.2
_NEAREST = 10
_LONGEST_QUERY = 2000
_TEXTS = "SELECT content FROM memories WHERE length(content) <= %s ORDER BY md5(id::text) LIMIT %s"


@dataclass(frozen=True)
class RestoredInstance:
    """``connect`` opens a connection to the restored memories."""

    server: RecoveredServer
    connect: Callable[[], AbstractContextManager[psycopg.Connection[Any]]]
    memory_server: MemoryServerProcess

    def digests(self, ids: Sequence[str]) -> dict[str, str]:
        """Hashes of the rows of memories; without those that are not there."""
        if not ids:
            return {}
        with self.connect() as connection:
            return dict(connection.execute(DIGESTS, (list(ids),)).fetchall())

    def texts(self, count: int) -> list[str]:
        """Contents of some memories, short enough to be searched for."""
        if not self.server.counts.get("memories"):
            return []
        with self.connect() as connection:
            return [row[0] for row in connection.execute(_TEXTS, (_LONGEST_QUERY, count)).fetchall()]

    def found(self, text: str) -> list[str]:
        """Contents of the memories that are nearest in meaning."""
        return asyncio.run(self._found(text))

    async def _found(self, text: str) -> list[str]:
        from controlplane.adapters.mcp_client import HttpTransport

        async with HttpTransport(f"{self.memory_server.url}/mcp", _TIMEOUT_SECONDS).connect() as session:
            answer = await session.call("search", {"query": text, "mode": "meaning", "limit": _NEAREST})
        return [str(item["content"]) for item in answer["results"]]

    def reconcile(self) -> tuple[int, int]:
        """What the first comparison found; returns when one finds nothing more and no vector waits to be made."""
        first = self._compared()
        latest, deadline = first, time.monotonic() + _AGREE_SECONDS
        while (waiting := self._waiting()) or latest != (0, 0):
            if time.monotonic() > deadline:
                raise CmctlError(f"the vectors do not come to agree with PostgreSQL: {waiting} wait to be made")
            time.sleep(_POLL_SECONDS)
            latest = self._compared()
        return first

    def _waiting(self) -> int:
        with self.connect() as connection:
            row = connection.execute("SELECT count(*) FROM vector_outbox").fetchone()
        return row[0] if row else 0

    def _compared(self) -> tuple[int, int]:
        found = self.memory_server.vectors.reconcile()
        return int(str(found["missing"])), int(str(found["surplus"]))
