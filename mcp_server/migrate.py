"""``claude-memory-mcp migrate``: the tables, made by the role that owns them."""

from pathlib import Path

from mcp_server.adapters.store.connection import Connection, Database
from mcp_server.config import Secret, Settings


async def run(settings: Settings, user: str | None, password_file: Path | None) -> None:
    """Create or update the schema as ``user``, the configured one by default. Raises MemoryServerError."""
    postgresql = settings.postgresql
    if user is not None:
        password = Secret(file=password_file) if password_file else None
        postgresql = postgresql.model_copy(update={"user": user, "password": password})
    database = Database(postgresql)
    try:
        await database.run(_ask)
    finally:
        await database.close()


async def _ask(connection: Connection) -> None:
    await connection.execute("SELECT 1")
