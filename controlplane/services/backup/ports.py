"""What backups need from the outside world. Adapters implement these Protocols."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from controlplane.domain.backup.manifest import FileEntry, Manifest, PartName
from controlplane.domain.backup.plan import Server

Details = dict[str, str | int | float | None]
Advance = Callable[[int, int], None]


class SetStore(Protocol):
    """Where sets are kept. Every method raises CmctlError when the file system refuses."""

    def create(self) -> None:
        """Make the folders."""
        ...

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One at a time. Raises Refused, naming the holder."""
        ...

    def sweep(self) -> list[str]:
        """Delete what killed runs left; returns the names."""
        ...

    def good(self) -> list[Manifest]:
        """Manifests of the complete sets that no verification found wrong, newest first."""
        ...

    def path(self, set_id: str) -> Path:
        """Folder of a set."""
        ...

    def begin(self, moment: datetime) -> Path:
        """A new folder for a set in the making."""
        ...

    def id_of(self, work: Path) -> str:
        """Id that a folder in the making will have."""
        ...

    def share(self, set_id: str, part: PartName, work: Path) -> None:
        """Have the files of a part of another set in ``work``, too."""
        ...

    def commit(self, work: Path, manifest: Manifest) -> Path:
        """Make everything durable and give the set its name."""
        ...

    def discard(self, work: Path) -> None:
        """Delete a folder in the making."""
        ...

    def record(self, event: str, moment: datetime, details: Mapping[str, Any]) -> None:
        """Append to the history."""
        ...

    def entries(self, root: Path, folder: Path, advance: Callable[[int], None]) -> tuple[FileEntry, ...]:
        """Size and hash of every file below ``folder``, with paths relative to ``root``."""
        ...


class Source(Protocol):
    """The running PostgreSQL."""

    def identity(self) -> Server:
        """Who it is."""
        ...

    def size_bytes(self) -> int:
        """Size of all databases."""
        ...

    def counts(self, database: str, tables: tuple[str, ...]) -> Details:
        """Rows of tables, and the WAL positions before and after counting."""
        ...


class PhysicalSource(Protocol):
    """Takes physical backups."""

    def take(self, target: Path, parent: Path | None, advance: Advance) -> Details:
        """Write a base backup into the new folder ``target``."""
        ...


class VectorSource(Protocol):
    """Copies the vectors."""

    def take(self, target: Path, unless: str | None) -> Details | None:
        """Write them into the new folder ``target``; None when they are still those of the revision ``unless``."""
        ...


class ConfigurationSource(Protocol):
    """Copies configuration and rule files."""

    def take(self, target: Path) -> Details:
        """Write them into the new folder ``target``."""
        ...


class Progress(Protocol):
    """Tells people what is happening."""

    def stage(self, text: str) -> None:
        """A new stage begins."""
        ...

    def advance(self, done_bytes: int, total_bytes: int) -> None:
        """How far the stage is."""
        ...

    def note(self, text: str) -> None:
        """One line."""
        ...
