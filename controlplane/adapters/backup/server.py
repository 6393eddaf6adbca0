"""The running PostgreSQL as backups see it: who it is, what it holds, its WAL slots. Connects as the backup role."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from controlplane.domain.backup.plan import Server
from controlplane.errors import CmctlError, DependencyUnreachable

SLOT_PREFIX = "cmctl_wal_"
_CONNECT_SECONDS = 5


@dataclass(frozen=True)
class BackupServer:
    """One PostgreSQL server. ``password`` is read when a connection is made."""

    host: str
    port: int
    user: str
    password: Callable[[], str]

    @contextmanager
    def connected(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """A connection that commits each statement. Raises DependencyUnreachable, CmctlError."""
        try:
            with psycopg.connect(
                host=self.host,
                port=self.port,
                dbname=database,
                user=self.user,
                password=self.password(),
                connect_timeout=_CONNECT_SECONDS,
                autocommit=True,
                application_name="cmctl backup",
            ) as connection:
                yield connection
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            raise DependencyUnreachable(
                f"PostgreSQL on {self.host}:{self.port} cannot be backed up: {reason}",
                hint="start it with: cmctl up postgresql wal_receiver",
            ) from error
        except psycopg.Error as error:
            raise CmctlError(f"PostgreSQL on {self.host}:{self.port}: {str(error).strip()}") from error

    def environment(self) -> dict[str, str]:
        """What PostgreSQL's programs need to connect; never on a command line, where everybody could read it."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password(),
            "PGAPPNAME": "cmctl backup",
            "PGCONNECT_TIMEOUT": str(_CONNECT_SECONDS),
        }

    def processes(self, application_name: str) -> list[int]:
        """Numbers of the processes that work for connections of this name. Raises CmctlError."""
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
        with self.connected() as connection:
            return [row[0] for row in connection.execute(query, (application_name,)).fetchall()]

    def identity(self) -> Server:
        """System identifier, timeline and version."""
        with self.connected() as connection:
            row = connection.execute(
                "SELECT system_identifier::text, (SELECT timeline_id FROM pg_control_checkpoint()),"
                " current_setting('server_version_num')::int FROM pg_control_system()"
            ).fetchone()
        if row is None:
            raise CmctlError(f"PostgreSQL on {self.host}:{self.port} does not say who it is")
        return Server(row[0], row[1], row[2])

    def size_bytes(self) -> int:
        """Size of all databases."""
        with self.connected() as connection:
            row = connection.execute("SELECT sum(pg_database_size(oid))::bigint FROM pg_database").fetchone()
        return int(row[0]) if row else 0

    def counts(self, database: str, tables: tuple[str, ...]) -> dict[str, str | int | float | None]:
        """Rows of tables (None for one that does not exist), and the WAL positions before and after counting.

        Equal positions mean that nothing was written meanwhile: the counts then hold at exactly that position.
        """
        found: dict[str, str | int | float | None] = {}
        with self.connected(database) as connection:
            found["counts_from_lsn"] = _one(connection, "SELECT pg_current_wal_insert_lsn()::text")
            for table in tables:
                exists = _one(connection, f"SELECT to_regclass('{table}') IS NOT NULL")
                found[table] = _one(connection, f"SELECT count(*) FROM {table}") if exists else None  # noqa: S608 - ours
            found["counts_to_lsn"] = _one(connection, "SELECT pg_current_wal_insert_lsn()::text")
        return found


def _one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None
