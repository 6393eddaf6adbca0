"""Copies in another directory, typically of another disk."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlplane.adapters.backup.files import naming, sync_file, told
from controlplane.errors import DependencyUnreachable


@dataclass(frozen=True)
class DirectoryPlace:
    """Below ``folder``, which has to exist: without its disk, the mount point must not fill the root file system."""

    name: str
    folder: Path

    def _require(self) -> None:
        if not self.folder.is_dir():
            raise DependencyUnreachable(f"{self.name}: the folder {self.folder} is not there", hint="is it mounted?")

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Files below a prefix."""
        self._require()
        with told("read"):
            return {
                path.relative_to(self.folder).as_posix(): path.stat().st_size
                for path in (self.folder / prefix).rglob("*")
                if path.is_file()
            }

    def write(self, name: str, content: bytes) -> None:
        """Store durably, under another name first."""
        self._require()
        target = self.folder / name
        partial = target.with_name(f"{target.name}.part")
        with told("written"):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with naming(target), partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.chmod(0o600)
            partial.replace(target)
            sync_file(target.parent)

    def read(self, name: str) -> bytes:
        """Get back."""
        self._require()
        with told("read"):
            return (self.folder / name).read_bytes()

    def delete(self, names: Sequence[str]) -> None:
        """Delete, and the folders that become empty."""
        self._require()
        with told("deleted"):
            for name in names:
                (self.folder / name).unlink(missing_ok=True)
        for parent in {(self.folder / name).parent for name in names}:
            with contextlib.suppress(OSError):
                parent.rmdir()
