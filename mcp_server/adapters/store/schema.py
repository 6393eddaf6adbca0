"""Brings the database to the current schema."""

import logging
import re
from pathlib import Path
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import InsufficientPrivilege

from mcp_server.errors import StoreUnavailable

_FOLDER = Path(__file__).parent
_FILE_NAME = re.compile(r"^(\d{4})_\w+\.sql$")
# Any number that no other program uses for an advisory lock in this database.
_LOCK = 0x636D656D

logger = logging.getLogger(__name__)


def migrations() -> dict[int, Path]:
    """Migration files by number, in order."""
    files = sorted((_FOLDER / "migrations").glob("*.sql"))
    return {int(match.group(1)): path for path in files if (match := _FILE_NAME.match(path.name))}


# A migration only adds, so that an upgrade that failed can be rolled back: the release before works with what the
# newer one has made of the database. One that it cannot live with gets the first number of the next hundred.
GENERATION = 100


async def migrate(connection: AsyncConnection[Any], *, from_scratch: bool = False) -> int:
    """Create or upgrade the schema in one transaction and return its version.

    A fresh database gets schema.sql, or all migrations one by one when ``from_scratch``. Several servers may start
    at once: an advisory lock lets one work and the others find it done. A role that may not make tables is content
    with a current schema.
    Raises StoreUnavailable when the database has a schema that this program cannot live with, or an older one that
    another role has to update.
    """
    try:
        return await _migrate(connection, from_scratch)
    except InsufficientPrivilege as error:
        raise StoreUnavailable(
            "the tables are not current and this role may not change them",
            hint="systemctl start claude-memory-mcp-schema; or claude-memory-mcp migrate with the owner's role",
        ) from error


async def _migrate(connection: AsyncConnection[Any], from_scratch: bool) -> int:
    newest = max(migrations())
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        current = await _version(connection)
        if current // GENERATION > newest // GENERATION:
            raise StoreUnavailable(
                f"the database has schema version {current}, this program knows {newest}",
                hint="install the newer version of the memory server",
            )
        if current == 0 and not from_scratch:
            await connection.execute(_statements(_FOLDER / "schema.sql"))
        else:
            for number in range(current + 1, newest + 1):
                await connection.execute(_statements(migrations()[number]))
        if current < newest:
            await connection.execute("INSERT INTO schema_version (version) VALUES (%s)", (newest,))
            logger.info("Schema is current", extra={"action": "migrate", "from": current, "to": newest})
    return newest


async def _version(connection: AsyncConnection[Any]) -> int:
    # Even IF NOT EXISTS asks for the right to make tables.
    cursor = await connection.execute("SELECT to_regclass('schema_version') IS NOT NULL")
    if await cursor.fetchone() != (True,):
        await connection.execute(
            "CREATE TABLE schema_version (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
    cursor = await connection.execute("SELECT coalesce(max(version), 0) FROM schema_version")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _statements(path: Path) -> LiteralString:
    """Content of one of our own files, which is part of the program, hence literal."""
    return path.read_text(encoding="utf-8")
