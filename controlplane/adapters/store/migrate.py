"""Bringing a database to the current schema."""

import logging
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

from psycopg import AsyncConnection

from controlplane.errors import CmctlError

logger = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent
_LOCK_KEY = 0x636D63746C  # "cmctl": only one process migrates at a time
# Ends the name of a migration that the release before cannot live with. Every other one only adds, so that an upgrade
# that failed can be rolled back: the release before works with the database that the newer one has migrated.
BREAKING = "_breaking"


@cache
def migrations() -> dict[str, LiteralString]:
    """Every migration by name, in the order they apply."""
    files = sorted((_FOLDER / "migrations").glob("*.sql"))
    return {path.stem: _read(path) for path in files}


def schema() -> LiteralString:
    """The whole schema, for a fresh database."""
    return _read(_FOLDER / "schema.sql")


def _read(path: Path) -> LiteralString:
    text: Any = path.read_text(encoding="utf-8")  # ours, never built from input
    literal: LiteralString = text
    return literal


async def migrate(connection: AsyncConnection[Any]) -> list[str]:
    """Create or update the schema in one transaction; returns what was applied.

    Raises CmctlError when a newer version has changed the database in a way that this one cannot live with.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_KEY])
        applied = await _applied(connection)
        if applied is None:
            await connection.execute(schema())
            pending = list(migrations())
        else:
            pending = _pending(applied)
            for name in pending:
                await connection.execute(migrations()[name])
        for name in pending:
            await connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", [name])
    if pending:
        logger.info("The schema was brought up to date", extra={"action": "migrate", "applied": pending})
    return pending


async def _applied(connection: AsyncConnection[Any]) -> set[str] | None:
    """Names of the applied migrations; None for a database without our schema."""
    cursor = await connection.execute("SELECT to_regclass('schema_migrations') IS NOT NULL")
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return None
    cursor = await connection.execute("SELECT name FROM schema_migrations")
    return {name for (name,) in await cursor.fetchall()}


def _pending(applied: set[str]) -> list[str]:
    unknown = sorted(applied - set(migrations()))
    breaking = [name for name in unknown if name.endswith(BREAKING)]
    if breaking:
        raise CmctlError(
            f"the database has migrations that this version cannot live with: {', '.join(breaking)}",
            hint="run the newer version again, or restore the database from before the upgrade",
        )
    if unknown:
        logger.warning("A newer version has migrated the database", extra={"action": "migrate", "unknown": unknown})
    return [name for name in migrations() if name not in applied]
