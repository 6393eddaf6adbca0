"""The running PostgreSQL as a drill compares with it: read only."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from controlplane.adapters.backup.server import SLOT_PREFIX, BackupServer
from controlplane.domain.backup.drill import Mark
from controlplane.domain.backup.target import Lsn
from controlplane.errors import CmctlError

# The whole row as text, so that any difference shows.
DIGESTS = "SELECT id::text, md5(m::text) FROM memories AS m WHERE id::text = ANY(%s)"
_SAMPLE = (
    "(SELECT id::text, md5(m::text) FROM memories AS m ORDER BY created_at DESC LIMIT %(count)s)"
    " UNION (SELECT id::text, md5(m::text) FROM memories AS m ORDER BY created_at LIMIT %(count)s)"
    " UNION (SELECT id::text, md5(m::text) FROM memories AS m TABLESAMPLE SYSTEM (%(percent)s) LIMIT %(count)s)"
)
_SAMPLED = 50  # of each: the newest, the oldest, and any
_SAMPLE_BLOCK_PERCENT = 5
_ARCHIVED = (
    "SELECT max(r.flush_lsn)::text FROM pg_stat_replication AS r JOIN pg_replication_slots AS s"
    " ON s.active_pid = r.pid WHERE starts_with(s.slot_name, %s)"
)
_QUIET_TRIES = 20
_POLL_SECONDS = 0.01
_ARCHIVE_SECONDS = 60.0


@dataclass(frozen=True)
class ProductionServer:
    """``tables`` maps the databases to the tables whose rows are counted; the first database holds the memories."""

    server: BackupServer
    tables: Mapping[str, Sequence[str]]

    def mark(self) -> Mark:
        """Its position, counts and a sample of memories; of a moment without writes when a few tries find one."""
        for _ in range(_QUIET_TRIES):
            mark = self._mark()
            if mark.is_quiet:
                break
        return mark

    def _mark(self) -> Mark:
        counts: dict[str, int | None] = {}
        digests: dict[str, str] = {}
        before = self._position()
        for number, (database, tables) in enumerate(self.tables.items()):
            with self.server.connected(database) as connection:
                for table in tables:
                    counts[table] = _count(connection, table)
                if number == 0 and counts.get("memories"):
                    parameters = {"count": _SAMPLED, "percent": _SAMPLE_BLOCK_PERCENT}
                    digests = dict(connection.execute(_SAMPLE, parameters).fetchall())
        at, after = datetime.now(UTC), self._position()
        return Mark(at, after, before == after, counts, digests)

    def _position(self) -> int:
        with self.server.connected() as connection:
            row = connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        return Lsn.parse(row[0]).value if row else 0

    def seconds_until_archived(self, lsn: int) -> float:
        """Wait until the archive has everything before a position; it says so itself, by its replication slot."""
        began = time.monotonic()
        while True:
            seconds = time.monotonic() - began
            if self._archived() >= lsn:
                return seconds
            if seconds > _ARCHIVE_SECONDS:
                raise CmctlError(
                    f"the WAL archive has not got what production wrote {seconds:.0f} s ago",
                    hint="look at the component wal_receiver: cmctl status",
                )
            time.sleep(_POLL_SECONDS)

    def archived_beyond(self, lsn: int) -> bool:
        """Whether the archive has WAL after that position, too."""
        return self._archived() > lsn

    def _archived(self) -> int:
        with self.server.connected() as connection:
            row = connection.execute(_ARCHIVED, (SLOT_PREFIX,)).fetchone()
        return Lsn.parse(row[0]).value if row and row[0] else 0

    def still_there(self, ids: Sequence[str]) -> frozenset[str]:
        """Which of the memories there are now."""
        if not ids:
            return frozenset()
        with self.server.connected(next(iter(self.tables))) as connection:
            return frozenset(row[0] for row in connection.execute(DIGESTS, (list(ids),)).fetchall())


def _count(connection: psycopg.Connection[Any], table: str) -> int | None:
    if connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone() != (True,):
        return None
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return row[0] if row else None
