"""``claude-memory-mcp snapshot`` and ``reconcile``: the running server does the work, since it owns the vectors."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
from backports import tarfile

from mcp_server.admin import admin_client
from mcp_server.config import Settings
from mcp_server.errors import MemoryServerError, NoRoom, ServerUnreachable, VectorsUnavailable
from mcp_server.services.snapshot import IDENTITY_MEMBER, take

RECONCILE_SECONDS = 600.0
ENGINE_BYTES = 128 * 1024 * 1024
# The copy is made before the first byte is sent: of a large shard on a busy machine that takes its time.
SNAPSHOT_TIMEOUT = httpx2.Timeout(600.0, connect=5.0)


async def run(settings: Settings, file: Path, unless: str | None = None) -> dict[str, Any]:
    """Write a snapshot to ``file`` and return its identity; ``{"unchanged": True}`` when it would be ``unless`` again.

    Without a running server the vectors are opened here. Raises MemoryServerError.
    """
    try:
        if not await _from_server(settings, file, unless):
            return {"unchanged": True}
    except ServerUnreachable:
        await _here(settings, file)
    except OSError as error:
        raise MemoryServerError(f"{file}: cannot be written: {error.strerror}") from error
    with tarfile.open(file) as archive:
        member = archive.extractfile(IDENTITY_MEMBER)
        identity: dict[str, Any] = json.loads(member.read() if member else b"{}")
    return identity


async def inspect(file: Path) -> dict[str, Any]:
    """Open a snapshot in a temporary folder. Raises MemoryServerError when it is not what it says, NoRoom."""
    with _temporary_folder(file) as folder:
        try:
            _require_room(Path(folder), file)
            with tarfile.open(file) as archive:
                archive.extractall(folder, filter="data")
            identity: dict[str, Any] = json.loads((Path(folder) / IDENTITY_MEMBER).read_text(encoding="utf-8"))
        except (FileNotFoundError, tarfile.TarError, ValueError) as error:
            raise MemoryServerError(f"{file}: not a snapshot of vectors: {error}") from error
        except OSError as error:
            raise NoRoom(f"{file} cannot be unpacked into {folder}: {error.strerror or error}") from error
        if identity.get("files") == "copied":
            identity["count"] = await _count(Path(folder), file)
    return identity


def _temporary_folder(file: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="claude-memory-inspect-")
    except OSError as error:
        raise NoRoom(f"{file} cannot be unpacked: there is no temporary folder: {error.strerror or error}") from error


def _require_room(folder: Path, file: Path) -> None:
    """The engine takes some room of its own as it opens the vectors."""
    needed, free = file.stat().st_size + ENGINE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise NoRoom(
            f"{file} cannot be unpacked into {folder}: {free // 1_000_000} MB are free of {needed // 1_000_000} MB",
            hint="free some space there, or set TMPDIR",
        )


async def _count(folder: Path, file: Path) -> int:
    from mcp_server.adapters.vectors.edge import EdgeVectors

    vectors = EdgeVectors(folder)
    try:
        if await vectors.collection() is None:
            raise MemoryServerError(f"{file}: the snapshot holds no vectors")
        return await vectors.count()
    except VectorsUnavailable as error:
        raise MemoryServerError(f"{file}: the engine cannot open the vectors: {error.message}") from error
    finally:
        await vectors.close()


async def reconcile(settings: Settings) -> dict[str, Any]:
    """What the running server found when it compared the vectors with PostgreSQL. Raises MemoryServerError."""
    async with admin_client(settings) as client:
        try:
            response = await client.post("/admin/reconcile", timeout=RECONCILE_SECONDS)
        except httpx2.TransportError as error:
            raise ServerUnreachable(f"memory server at {client.base_url}: {error}") from error
        _check(response, client)
        answer: dict[str, Any] = response.json()
        return answer


async def _from_server(settings: Settings, file: Path, unless: str | None) -> bool:
    """Whether there was something to write."""
    wanted = {"If-None-Match": unless} if unless else {}
    async with admin_client(settings) as client:
        try:
            async with client.stream("POST", "/admin/snapshot", headers=wanted, timeout=SNAPSHOT_TIMEOUT) as response:
                if response.status_code == httpx2.codes.NOT_MODIFIED:
                    return False
                if response.status_code != httpx2.codes.OK:
                    await response.aread()
                    _check(response, client)
                with file.open("wb") as target:
                    async for chunk in response.aiter_bytes():
                        _write_sparsely(target, chunk)
                    _make_durable(target)
                return True
        except httpx2.ConnectError as error:
            raise ServerUnreachable(f"memory server at {client.base_url}: {error}") from error
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise MemoryServerError(f"memory server at {client.base_url}: the snapshot broke off: {reason}") from error


def _check(response: httpx2.Response, client: httpx2.AsyncClient) -> None:
    if response.status_code == httpx2.codes.OK:
        return
    try:
        problem = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        problem = f"answers {response.status_code}"
    raise MemoryServerError(f"memory server at {client.base_url}: {problem}")


async def _here(settings: Settings, file: Path) -> None:
    from mcp_server.wiring import build_vectors

    vectors = build_vectors(settings.vectors)
    try:
        snapshot = await take(vectors, datetime.now(UTC))
        try:
            _write(snapshot.chunks(), file)
        finally:
            snapshot.discard()
    finally:
        await vectors.close()


def _write(chunks: Iterable[bytes], file: Path) -> None:
    with file.open("wb") as target:
        for chunk in chunks:
            _write_sparsely(target, chunk)
        _make_durable(target)


def _write_sparsely(file: BinaryIO, chunk: bytes) -> None:
    """The engine's files are mostly room for later: their zeros become holes."""
    if chunk.count(0) == len(chunk):
        file.seek(len(chunk), os.SEEK_CUR)
    else:
        file.write(chunk)


def _make_durable(file: BinaryIO) -> None:
    file.truncate()
    file.flush()
    os.fsync(file.fileno())
