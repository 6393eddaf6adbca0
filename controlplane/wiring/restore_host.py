"""What a restore on a deployed host does otherwise than on an embedded stack: units, accounts, file systems."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane.adapters.backup.restore_sets import RestoreSets
from controlplane.adapters.backup.vectors import VectorSnapshots
from controlplane.domain.component import ComponentState
from controlplane.errors import CmctlError, Refused
from controlplane.services.ports import ServiceManager
from controlplane.wiring.backup_place import BackupPlace

_POLL_SECONDS = 0.5
# Others are stopped and started in any order; these go last, and come first.
_DATABASE = ("postgresql", "wal_receiver")


def require_fit_for_restore(place: BackupPlace, state: Path) -> None:
    """Only root may exchange the data of others, by renames. Raises Refused."""
    if os.getuid() != 0:
        raise Refused("a restore exchanges data of several system users", hint="run it as root, for example with sudo")
    data = place.data.parent
    if data.exists() and data.stat().st_dev != _nearest(state).stat().st_dev:
        raise Refused(
            f"{data} and {state} are on different file systems, and data are exchanged by renames",
            hint="restore --to a folder beside the data directory, stop PostgreSQL and move it into place",
        )


def _nearest(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


@dataclass(frozen=True)
class HostComponents:
    """Implements ``Components`` with systemd. ``known`` are the components of this host."""

    manager: ServiceManager
    vectors: VectorSnapshots
    known: Sequence[str]
    timeout_seconds: float

    def running(self) -> list[str]:
        """Components that run."""
        return [status.component for status in self.manager.statuses() if status.state.is_alive]

    def stop(self, components: Sequence[str]) -> None:
        """Stop them; PostgreSQL's last record still reaches the WAL receiver."""
        for name in (*(name for name in components if name not in _DATABASE), *_ordered(components)):
            self.manager.stop(name)
            # PostgreSQL's unit passes the wish on to the one of its cluster, and does not wait for that.
            self._wait(name, lambda state: not state.is_alive, "does not stop")

    def start(self, components: Sequence[str]) -> list[str]:
        """Start them and wait until systemd says that they are ready; everything when nothing is named."""
        wanted = list(components or self.known)
        ordered = (*_ordered(wanted), *(name for name in wanted if name not in _DATABASE))
        return [problem for name in ordered if (problem := self._started(name))]

    def _started(self, name: str) -> str:
        self.manager.start(name)
        try:
            self._wait(name, lambda state: state is ComponentState.RUNNING, "does not run")
        except CmctlError as error:
            return error.message
        return ""

    def _wait(self, name: str, condition: Callable[[ComponentState], bool], problem: str) -> None:
        deadline = time.monotonic() + self.timeout_seconds
        while not condition(self._state(name)):
            if time.monotonic() > deadline:
                raise CmctlError(f"{name} {problem}", hint="systemctl status says more")
            time.sleep(_POLL_SECONDS)

    def _state(self, name: str) -> ComponentState:
        return next(status.state for status in self.manager.statuses() if status.component == name)

    def reconcile(self) -> tuple[int, int]:
        """Have the memory server compare its vectors with PostgreSQL, and repair them."""
        found = self.vectors.reconcile()
        return int(str(found["missing"])), int(str(found["surplus"]))


def _ordered(components: Sequence[str]) -> list[str]:
    return [name for name in _DATABASE if name in components]


@dataclass(frozen=True)
class HostRestoreSets(RestoreSets):
    """The sets of a deployed host belong to the control plane, whatever root writes beside them."""

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One at a time. Raises Refused."""
        return self._locked(purpose)

    @contextmanager
    def _locked(self, purpose: str) -> Iterator[None]:
        try:
            with self.catalogue.locked(purpose):
                yield
        finally:
            owner = self.catalogue.folder.stat()
            for path in self.catalogue.folder.iterdir():
                if path.is_file() and not path.is_symlink():
                    os.chown(path, owner.st_uid, owner.st_gid)
