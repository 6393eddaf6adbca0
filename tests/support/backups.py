"""A stack with data in it, for tests of backups."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import psycopg
from mcp.client import Client

from tests.support.stack import EmbeddedStack

MEMORY_DATABASE = "claude_memory_db"
PARTS = ("postgresql", "wal_receiver", "mcp_server", "controlplane")


def connect(stack: EmbeddedStack, database: str = MEMORY_DATABASE) -> psycopg.Connection[Any]:
    """A connection as superuser; every statement commits."""
    return psycopg.connect(
        host="127.0.0.1",
        port=stack.port("postgresql"),
        dbname=database,
        user="postgres",
        password=stack.secret("postgresql_superuser_password"),
        autocommit=True,
    )


def value(stack: EmbeddedStack, query: str, database: str = MEMORY_DATABASE) -> Any:
    """First column of the first row."""
    with connect(stack, database) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def create(stack: EmbeddedStack, *options: str) -> dict[str, Any]:
    """Make a set; the test fails with cmctl's messages when that fails."""
    result = stack.cmctl("backup", "create", *options, "-o", "json")
    assert result.returncode == 0, result.stderr
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def remember(stack: EmbeddedStack, texts: list[str]) -> None:
    """Store memories through the memory server."""

    async def store() -> None:
        async with Client(stack.url("mcp_server", "/mcp")) as client:
            result = await client.call_tool("store_batch", {"memories": [{"content": text} for text in texts]})
            assert not result.is_error, result.content

    asyncio.run(store())


def errors_in(messages: str) -> int:
    """How many sentences of cmctl say what went wrong; a program that it ran may be quoted in one."""
    return sum(line.startswith("error: ") for line in messages.splitlines())


def sets_folder(stack: EmbeddedStack) -> Path:
    """Where the sets are."""
    return stack.data_dir / "backups" / "sets"


def manifest_of(made: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a set as it is on disk."""
    content: dict[str, Any] = json.loads((Path(made["path"]) / "manifest.json").read_text(encoding="utf-8"))
    return content


def wrong_files(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Files that differ from the manifest, are missing, or are not in it."""
    told = {file["path"]: file["sha256"] for part in manifest["parts"] for file in part["files"]}
    there = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.parent != folder
    }
    return sorted(path for path in told.keys() | there.keys() if told.get(path) != there.get(path))
