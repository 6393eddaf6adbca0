"""The manifest that ties the parts of one recovery set together.

A set is a folder named after its id; ``manifest.json`` is written last, by
rename, so that a set without one was never finished. The JSON schema is in
docs/backup-manifest.schema.json.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

MANIFEST_VERSION = 1

SetKind = Literal["full", "incremental"]
PartName = Literal["postgresql", "vectors", "configuration"]


@dataclass(frozen=True)
class FileEntry:
    """One file of a part: path relative to the set's or the archive's folder, size in bytes, SHA-256 in hex."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """One part of a set. ``details`` holds what only this part knows: LSNs, timeline, counts, versions."""

    name: PartName
    taken_at: datetime
    files: tuple[FileEntry, ...]
    details: Mapping[str, str | int | float | None] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes of its files."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class Manifest:
    """What a complete recovery set holds. Datetimes are timezone-aware UTC."""

    id: str
    kind: SetKind
    created_at: datetime
    finished_at: datetime
    parts: tuple[Part, ...]
    parent_id: str | None = None
    encryption: str | None = None
    made_by: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.kind == "incremental") != (self.parent_id is not None):
            raise ValueError(f"set {self.id}: an incremental set has a parent, a full one has none")

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes of its parts."""
        return sum(part.size_bytes for part in self.parts)

    def part(self, name: str) -> Part | None:
        """The part of that name, or None."""
        return next((part for part in self.parts if part.name == name), None)

    def details(self, name: str) -> Mapping[str, str | int | float | None]:
        """Details of the part of that name; empty when there is no such part."""
        part = self.part(name)
        return part.details if part else {}

    def taken_at(self, name: str) -> datetime:
        """When the part of that name was complete; when the set was, if it has no such part."""
        part = self.part(name)
        return part.taken_at if part else self.finished_at


def to_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON values."""
    return {
        "version": MANIFEST_VERSION,
        "id": manifest.id,
        "kind": manifest.kind,
        "parent_id": manifest.parent_id,
        "created_at": _timestamp(manifest.created_at),
        "finished_at": _timestamp(manifest.finished_at),
        "encryption": manifest.encryption,
        "made_by": dict(manifest.made_by),
        "parts": [
            {
                "name": part.name,
                "taken_at": _timestamp(part.taken_at),
                "size_bytes": part.size_bytes,
                "details": dict(part.details),
                "files": [asdict(file) for file in part.files],
            }
            for part in manifest.parts
        ],
    }


def from_json(raw: Mapping[str, Any]) -> Manifest:
    """Read a manifest. Raises ValueError, naming what is wrong, for anything but a whole manifest of this version."""
    try:
        if raw["version"] != MANIFEST_VERSION:
            raise ValueError(f"manifest version {raw['version']!r} is not {MANIFEST_VERSION}")
        return Manifest(
            id=str(raw["id"]),
            kind=raw["kind"],
            parent_id=raw["parent_id"],
            created_at=_moment(raw["created_at"]),
            finished_at=_moment(raw["finished_at"]),
            encryption=raw["encryption"],
            made_by=dict(raw["made_by"]),
            parts=tuple(_part(part) for part in raw["parts"]),
        )
    except KeyError as error:
        raise ValueError(f"manifest lacks {error.args[0]!r}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"manifest is malformed: {error}") from error


def _part(raw: Mapping[str, Any]) -> Part:
    part = Part(
        name=raw["name"],
        taken_at=_moment(raw["taken_at"]),
        details=dict(raw["details"]),
        files=tuple(FileEntry(str(f["path"]), int(f["size_bytes"]), str(f["sha256"])) for f in raw["files"]),
    )
    if part.size_bytes != raw["size_bytes"]:
        raise ValueError(f"part {part.name}: size {raw['size_bytes']} is not the sum of its files, {part.size_bytes}")
    return part


def _timestamp(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("manifest times must be timezone-aware")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return moment.astimezone(UTC)
