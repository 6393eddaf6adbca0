"""A logical dump: what the tables held, so that whoever loads it can prove that everything arrived.

A table's fingerprint does not depend on the order of its rows, nor on the version of PostgreSQL: rows are hashed as
text under fixed settings, and the hashes are added up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from controlplane.domain.backup.manifest import FileEntry

DUMP_VERSION = 1


@dataclass(frozen=True)
class TablePrint:
    """One table: ``name`` with its schema, number of rows, and the sum of the rows' hashes in hex."""

    name: str
    rows: int
    hash: str
    size_bytes: int = 0


@dataclass(frozen=True)
class DatabaseDump:
    """One database at the moment of the dump.

    ``sequences`` maps names to the value last given, None before the first; read before the dump began, as sequences
    move on while others write, snapshot or not.
    """

    name: str
    tables: tuple[TablePrint, ...]
    sequences: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True)
class Dump:
    """A complete dump. ``server_version`` is PostgreSQL's version number, such as 160014; times are UTC."""

    id: str
    created_at: datetime
    finished_at: datetime
    server_version: int
    databases: tuple[DatabaseDump, ...]
    files: tuple[FileEntry, ...]
    made_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes of its files."""
        return sum(file.size_bytes for file in self.files)


def differences(expected: DatabaseDump, found: DatabaseDump) -> list[str]:
    """What is not as it was, one line each; empty when every table is the same and no sequence is behind."""
    told = []
    there = {table.name: table for table in found.tables}
    for table in expected.tables:
        other = there.pop(table.name, None)
        if other is None:
            told.append(f"{expected.name}: table {table.name} is missing")
        elif other.rows != table.rows:
            told.append(f"{expected.name}: table {table.name} has {other.rows} rows instead of {table.rows}")
        elif other.hash != table.hash:
            told.append(f"{expected.name}: the {table.rows} rows of table {table.name} are not the same")
    told += [f"{expected.name}: table {name} was not there" for name in there]
    for name, value in expected.sequences.items():
        if name not in found.sequences:
            told.append(f"{expected.name}: sequence {name} is missing")
        elif _is_behind(found.sequences[name], value):
            told.append(f"{expected.name}: sequence {name} stands at {found.sequences[name]}, behind {value}")
    return told


def _is_behind(found: int | None, expected: int | None) -> bool:
    """Descending sequences go down from -1."""
    if expected is None:
        return False
    return found is None or (found < expected if expected >= 0 else found > expected)


def major(version: int) -> int:
    """Major version of a version number: 18 for 180004."""
    return version // 10000


def to_json(dump: Dump) -> dict[str, Any]:
    """The dump's manifest as JSON values."""
    return {
        "version": DUMP_VERSION,
        "id": dump.id,
        "created_at": dump.created_at.isoformat(),
        "finished_at": dump.finished_at.isoformat(),
        "server_version": dump.server_version,
        "databases": [asdict(database) for database in dump.databases],
        "files": [asdict(file) for file in dump.files],
        "made_by": dict(dump.made_by),
    }


def from_json(raw: Mapping[str, Any]) -> Dump:
    """Read a manifest. Raises ValueError for anything but a whole one of this version."""
    try:
        if raw["version"] != DUMP_VERSION:
            raise ValueError(f"version {raw['version']!r} is not {DUMP_VERSION}")
        return Dump(
            id=str(raw["id"]),
            created_at=datetime.fromisoformat(raw["created_at"]),
            finished_at=datetime.fromisoformat(raw["finished_at"]),
            server_version=int(raw["server_version"]),
            databases=tuple(_database(item) for item in raw["databases"]),
            files=tuple(FileEntry(**item) for item in raw["files"]),
            made_by=dict(raw["made_by"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"malformed: {error}") from error


def _database(raw: Mapping[str, Any]) -> DatabaseDump:
    tables: Sequence[Mapping[str, Any]] = raw["tables"]
    return DatabaseDump(str(raw["name"]), tuple(TablePrint(**table) for table in tables), dict(raw["sequences"]))
