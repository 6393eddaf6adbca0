"""A copy of a recovery set in another place: a few volumes, their index, and a label that says that all is there.

A volume holds slices of the set's files one behind the other, packed (compressed and, with recipients, encrypted). Its
name has its number, and the size and SHA-256 of what is stored: so a volume that was cut off is known by the listing
alone, a whole one needs not be sent again, and it can be verified without the key. The label is stored last.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from controlplane.domain.backup.manifest import Manifest

COPY_VERSION = 1
VOLUME_BYTES = 16 * 1024 * 1024
LABEL = "copy.json"
_SET = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[0-9]+)?")
_STORED = re.compile(r"(?P<stem>.+)\.(?P<size>[0-9]+)\.(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True)
class Slice:
    """A part of a file: path relative to the set's folder, and which bytes."""

    path: str
    offset: int
    length: int


@dataclass(frozen=True)
class Stored:
    """What is stored under a name that tells its size and hash. ``stem`` says what it is."""

    stem: str
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"{self.stem}.{self.size_bytes}.{self.sha256}"

    @classmethod
    def parse(cls, name: str) -> "Stored | None":
        """Read a name; None for another kind of name."""
        match = _STORED.fullmatch(name)
        return cls(match["stem"], int(match["size"]), match["sha256"]) if match else None


@dataclass(frozen=True)
class Label:
    """What a complete copy is, for everybody to read: nothing of what is in the set."""

    id: str
    kind: str
    parent_id: str | None
    created_at: datetime
    copied_at: datetime
    system_identifier: str
    start_lsn: str
    encryption: str | None
    index: Stored
    volumes: tuple[Stored, ...]

    @property
    def size_bytes(self) -> int:
        """What it takes where it is."""
        return self.index.size_bytes + sum(volume.size_bytes for volume in self.volumes)

    @property
    def parts(self) -> tuple[Stored, ...]:
        """Everything that is stored of it."""
        return (self.index, *self.volumes)


def label_of(
    manifest: Manifest, copied_at: datetime, encryption: str | None, index: Stored, volumes: Sequence[Stored]
) -> Label:
    """The label of a set's copy."""
    details = manifest.details("postgresql")
    return Label(
        manifest.id,
        manifest.kind,
        manifest.parent_id,
        manifest.created_at,
        copied_at,
        str(details.get("system_identifier", "")),
        str(details.get("start_lsn", "0/0")),
        encryption,
        index,
        tuple(volumes),
    )


def volumes(files: Iterable[tuple[str, int]], limit: int = VOLUME_BYTES) -> list[list[Slice]]:
    """Slices of files (path, size) in order, at most ``limit`` bytes a volume. Empty files are slices, too."""
    packed: list[list[Slice]] = [[]]
    room = limit
    for path, size in files:
        offset = 0
        while True:
            if room == 0:
                packed.append([])
                room = limit
            length = min(room, size - offset)
            packed[-1].append(Slice(path, offset, length))
            offset, room = offset + length, room - length
            if offset == size:
                break
    return [volume for volume in packed if volume]


def label_to_json(label: Label) -> dict[str, Any]:
    """The label as JSON values."""
    raw = asdict(label)
    raw["version"] = COPY_VERSION
    raw["created_at"], raw["copied_at"] = label.created_at.isoformat(), label.copied_at.isoformat()
    raw["index"], raw["volumes"] = label.index.name, [volume.name for volume in label.volumes]
    return raw


def label_from_json(raw: Mapping[str, Any]) -> Label:
    """Read a label. Raises ValueError for anything but a whole one of this version."""
    try:
        if raw["version"] != COPY_VERSION:
            raise ValueError(f"version {raw['version']!r} is not {COPY_VERSION}")
        if not _SET.fullmatch(str(raw["id"])):
            raise ValueError(f"{raw['id']!r} is no id of a set")
        return Label(
            id=str(raw["id"]),
            kind=str(raw["kind"]),
            parent_id=raw["parent_id"],
            created_at=datetime.fromisoformat(raw["created_at"]),
            copied_at=datetime.fromisoformat(raw["copied_at"]),
            system_identifier=str(raw["system_identifier"]),
            start_lsn=str(raw["start_lsn"]),
            encryption=raw["encryption"],
            index=_stored(raw["index"]),
            volumes=tuple(_stored(name) for name in raw["volumes"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"malformed: {error}") from error


def _stored(name: str) -> Stored:
    found = Stored.parse(name)
    if found is None:
        raise ValueError(f"{name!r} is no name of something stored")
    return found


@dataclass(frozen=True)
class Index:
    """What is in the volumes: folders, of which some may be empty, and slices of files, volume by volume."""

    folders: tuple[str, ...]
    volumes: tuple[tuple[Slice, ...], ...]


def index_to_json(index: Index) -> dict[str, Any]:
    """The index as JSON values."""
    packed = [[[item.path, item.offset, item.length] for item in volume] for volume in index.volumes]
    return {"folders": list(index.folders), "volumes": packed}


def index_from_json(raw: Mapping[str, Any]) -> Index:
    """Read an index. Raises ValueError for a path that leaves the set's folder, or for anything else."""
    try:
        packed = tuple(
            tuple(Slice(_inside(path), int(offset), int(length)) for path, offset, length in volume)
            for volume in raw["volumes"]
        )
        return Index(tuple(_inside(path) for path in raw["folders"]), packed)
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed: {error}") from error


def _inside(path: Any) -> str:
    if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"{path!r} is not a path inside a set")
    return path
