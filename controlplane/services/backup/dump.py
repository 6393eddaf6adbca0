"""Logical dumps: make one, prove it, load it into an empty database of the same or a later PostgreSQL."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from controlplane.domain.backup.dump import DatabaseDump, Dump, differences, major
from controlplane.domain.backup.manifest import FileEntry
from controlplane.errors import CmctlError, Refused
from controlplane.services.backup.ports import Advance, Progress


class DumpServer(Protocol):
    """A PostgreSQL server. Every method raises DependencyUnreachable or CmctlError."""

    def version(self) -> int:
        """Its version number."""
        ...

    def dump(self, database: str, target: Path, advance: Advance) -> DatabaseDump:
        """Write one database into the new folder ``target``; what it returns is of the same moment."""
        ...

    def table_count(self, database: str) -> int | None:
        """How many tables of people's a database has; None when there is no such database."""
        ...

    def load(self, source: Path, database: DatabaseDump, advance: Advance) -> None:
        """Load a dump into an empty database, all of it or nothing."""
        ...

    def fingerprint(self, database: str, advance: Advance) -> DatabaseDump:
        """What a database holds now."""
        ...


class DumpStore(Protocol):
    """Folders of dumps. Every method raises CmctlError when the file system refuses."""

    def locked(self, purpose: str) -> AbstractContextManager[None]:
        """One at a time. Raises Refused."""
        ...

    def begin(self, target: Path) -> Path:
        """A new folder for a dump in the making; what a killed run left there is gone."""
        ...

    def entries(self, work: Path) -> tuple[FileEntry, ...]:
        """Its files so far, with their hashes."""
        ...

    def commit(self, work: Path, target: Path, dump: Dump) -> None:
        """Make it durable, and give it its name: from then on it is complete."""
        ...

    def discard(self, work: Path) -> None:
        """Delete a dump in the making."""
        ...

    def problems(self, folder: Path, dump: Dump) -> Sequence[str]:
        """What is wrong with its files, byte by byte."""
        ...


@dataclass(frozen=True)
class Dumper:
    """Dumps ``databases`` of ``server``; ``made_by`` names programs and versions."""

    store: DumpStore
    server: DumpServer
    databases: Sequence[str]
    made_by: Mapping[str, str]
    clock: Callable[[], datetime]

    def make(self, target: Path, progress: Progress) -> Dump:
        """Make a dump in the new folder ``target``. Raises CmctlError; then nothing is left of it."""
        with self.store.locked("cmctl backup dump"):
            created_at = self.clock()
            version = self.server.version()
            work = self.store.begin(target)
            try:
                made = []
                for database in self.databases:
                    progress.stage(f"dumping {database}")
                    made.append(self.server.dump(database, work / database, progress.advance))
                progress.stage("hashing")
                dump = Dump(
                    new_id(created_at),
                    created_at,
                    self.clock(),
                    version,
                    tuple(made),
                    self.store.entries(work),
                    self.made_by,
                )
                self.store.commit(work, target, dump)
            except BaseException:
                self.store.discard(work)
                raise
        return dump


@dataclass(frozen=True)
class Loader:
    """Loads dumps into ``server`` with programs of the major version ``programs_major``."""

    store: DumpStore
    server: DumpServer
    programs_major: int

    def load(self, folder: Path, dump: Dump, progress: Progress) -> list[DatabaseDump]:
        """Load every database and prove it; one that is loaded already is only proved.

        Each database is loaded in one transaction. Raises Refused for a damaged dump, an older server, or a database
        that holds something else.
        """
        self._require_whole(folder, dump, progress)
        self._require_version(dump)
        loaded = {item.name: self._is_loaded(item, progress) for item in dump.databases}
        for database in dump.databases:
            if not loaded[database.name]:
                progress.stage(f"loading {database.name}")
                self.server.load(folder / database.name, database, progress.advance)
        found = [self._found(item, progress) for item in dump.databases]
        self._require_same(dump, found)
        return found

    def compare(self, folder: Path, dump: Dump, progress: Progress) -> list[str]:
        """How the server's databases differ from the dump now. Raises Refused when the dump is damaged."""
        self._require_whole(folder, dump, progress)
        return [line for database in dump.databases for line in differences(database, self._found(database, progress))]

    def _require_whole(self, folder: Path, dump: Dump, progress: Progress) -> None:
        progress.stage(f"verifying {folder}")
        if problems := self.store.problems(folder, dump):
            raise Refused(f"the dump {folder} is damaged: {problems[0]}", hint="make or fetch it again")

    def _require_version(self, dump: Dump) -> None:
        source, target = major(dump.server_version), major(self.server.version())
        needed = max(source, self.programs_major)
        if target < needed:
            raise Refused(
                f"the dump is of PostgreSQL {source}, made to be loaded into {needed} or later; the server is {target}",
                hint="load it into a newer PostgreSQL",
            )

    def _is_loaded(self, database: DatabaseDump, progress: Progress) -> bool:
        count = self.server.table_count(database.name)
        if count is None:
            raise CmctlError(
                f"there is no database {database.name} on the server",
                hint="cmctl up postgresql makes it; elsewhere: CREATE DATABASE … OWNER …",
            )
        if count == 0:
            return False
        if problems := differences(database, self._found(database, progress)):
            raise Refused(
                f"the database {database.name} is not empty: it has {count} tables, and {problems[0]}",
                hint="load into a new data directory, after cmctl up postgresql and nothing else",
            )
        return True

    def _found(self, database: DatabaseDump, progress: Progress) -> DatabaseDump:
        progress.stage(f"counting and hashing {database.name}")
        return self.server.fingerprint(database.name, progress.advance)

    @staticmethod
    def _require_same(dump: Dump, found: Sequence[DatabaseDump]) -> None:
        pairs = zip(dump.databases, found, strict=True)
        if problems := [line for expected, actual in pairs for line in differences(expected, actual)]:
            raise CmctlError(
                f"what was loaded is not what was dumped: {problems[0]}"
                + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
                hint="do not use that database; load into a new one",
            )


def new_id(moment: datetime) -> str:
    """Id of a dump: its moment, and a few letters, since one folder may get several a second."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
