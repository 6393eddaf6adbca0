"""What copying needs from the outside world. Adapters implement these Protocols."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from controlplane.domain.backup.copy import Slice
from controlplane.domain.backup.manifest import Manifest


class Place(Protocol):
    """Where copies are. Names have slashes. Every method raises DependencyUnreachable or CmctlError."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""
        ...

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Everything below a prefix that ends with a slash, by its full name, with its size in bytes."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Store: under this name there is either all of it or nothing, unless the place is faulty."""
        ...

    def read(self, name: str) -> bytes:
        """Get back what was stored."""
        ...

    def delete(self, names: Sequence[str]) -> None:
        """Delete; what is not there is no error."""
        ...


class Packing(Protocol):
    """Compresses and, with recipients, encrypts."""

    @property
    def encryption(self) -> str | None:
        """How it encrypts, None when it does not."""
        ...

    def pack(self, content: bytes) -> bytes:
        """What is stored."""
        ...


Unpack = Callable[[bytes], bytes]


class LocalSets(Protocol):
    """The recovery sets of this host."""

    def create(self) -> None:
        """Make the folders."""
        ...

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One that makes or deletes sets at a time. Raises Refused."""
        ...

    def copying(self, purpose: str) -> AbstractContextManager[None]:
        """One that copies at a time; sets can be made meanwhile. Raises Refused."""
        ...

    def good(self) -> list[Manifest]:
        """Manifests of the complete sets that no verification found wrong, newest first."""
        ...

    def complete(self) -> list[Manifest]:
        """Manifests of the complete sets, newest first."""
        ...

    def path(self, set_id: str) -> Path:
        """Folder of a set."""
        ...

    def record(self, event: str, moment: datetime, details: Mapping[str, Any]) -> None:
        """Append to the history."""
        ...

    def receive(self, set_id: str) -> Path:
        """A new folder for a set that comes back."""
        ...

    def accept(self, work: Path, set_id: str) -> Manifest:
        """Verify what came back, byte by byte, and make it a set. Raises CmctlError; then it is none."""
        ...

    def discard(self, work: Path) -> None:
        """Delete a folder in the making."""
        ...


class LocalFiles(Protocol):
    """Files of sets."""

    def folders(self, folder: Path) -> Sequence[str]:
        """Every folder below, relative to it."""
        ...

    def make(self, folder: Path, names: Sequence[str]) -> None:
        """Make folders below."""
        ...

    def read(self, folder: Path, slices: Sequence[Slice]) -> bytes:
        """The slices of a volume one behind the other."""
        ...

    def write(self, folder: Path, slices: Sequence[Slice], content: bytes) -> None:
        """Put them where they belong."""
        ...


class LocalWal(Protocol):
    """The WAL archive of this host."""

    def finished(self) -> Sequence[str]:
        """Whole segments and what tells whose they are, as LIFE/NAME, the oldest first."""
        ...

    def read(self, name: str) -> bytes:
        """Content of one."""
        ...

    def receive(self, life: str, content: Mapping[str, bytes]) -> int:
        """Add what is missing of a life that came back; returns how many files that were."""
        ...
