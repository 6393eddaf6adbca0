"""Copy recovery sets and WAL to another place, verify, prune and fetch them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.domain.backup.copy import (
    LABEL,
    VOLUME_BYTES,
    Index,
    Label,
    Stored,
    index_from_json,
    index_to_json,
    label_from_json,
    label_of,
    label_to_json,
    volumes,
)
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.retention import KnownSet, RetentionPolicy, Verdict, decide, pruning_order
from controlplane.domain.backup.target import Lsn
from controlplane.domain.backup.wal import Segment
from controlplane.errors import Refused, UsageProblem
from controlplane.services.backup.copy_ports import LocalFiles, LocalSets, LocalWal, Packing, Place, Unpack
from controlplane.services.backup.ports import Progress

_INDEX = "index"
_MANIFESTS = ("manifest.json", "manifest.sha256.json")


@dataclass(frozen=True)
class CopyView:
    """One copy as it is shown; without ``complete`` it is one that was begun. Field names are a contract."""

    place: str
    id: str
    complete: bool
    kind: str | None = None
    parent_id: str | None = None
    created_at: datetime | None = None
    copied_at: datetime | None = None
    size_bytes: int = 0
    encryption: str | None = None
    problem: str = ""


@dataclass(frozen=True)
class Copied:
    """What a run brought to a place."""

    place: str
    sets: Sequence[str]
    volumes: int
    wal_files: int
    size_bytes: int


@dataclass(frozen=True)
class PrunedCopies:
    """What went, or would go."""

    place: str
    verdicts: Sequence[Verdict]
    wal_files: Sequence[str]


class Copies:
    """The copies in one place."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def labels(self) -> tuple[dict[str, Label], dict[str, str]]:
        """Complete copies by id, and what is wrong with the others."""
        sizes = self.place.sizes("sets/")
        found: dict[str, Label] = {}
        wrong: dict[str, str] = {}
        for set_id in sorted({name.split("/")[1] for name in sizes}):
            name = f"sets/{set_id}/{LABEL}"
            if name not in sizes:
                wrong[set_id] = "it was begun, and is not finished"
                continue
            try:
                label = label_from_json(json.loads(self.place.read(name)))
            except ValueError as error:
                wrong[set_id] = f"{LABEL}: {error}"
                continue
            if label.id != set_id:
                wrong[set_id] = f"{LABEL} is that of {label.id}"
            elif problem := _incomplete(label, sizes):
                wrong[set_id] = problem
            else:
                found[set_id] = label
        return found, wrong

    def views(self) -> list[CopyView]:
        """Every copy, newest first."""
        labels, wrong = self.labels()
        views = [
            CopyView(
                self.place.name,
                label.id,
                True,
                label.kind,
                label.parent_id,
                label.created_at,
                label.copied_at,
                label.size_bytes,
                label.encryption,
            )
            for label in labels.values()
        ]
        views += [CopyView(self.place.name, set_id, False, problem=problem) for set_id, problem in wrong.items()]
        return sorted(views, key=lambda view: view.id, reverse=True)

    def verify(self, set_id: str, progress: Progress) -> list[str]:
        """Read a copy back, byte by byte; no key is needed. Raises UsageProblem for an unknown one."""
        labels, wrong = self.labels()
        if set_id in wrong:
            return [wrong[set_id]]
        label = _chosen(labels, set_id, self.place.name)
        progress.stage(f"verifying {label.id} in {self.place.name}")
        problems, done = [], 0
        for part in label.parts:
            content = self.place.read(f"sets/{label.id}/{part.name}")
            if hashlib.sha256(content).hexdigest() != part.sha256:
                problems.append(f"{part.name} is not as it was written")
            done += len(content)
            progress.advance(done, label.size_bytes)
        return problems


@dataclass(frozen=True)
class Copier:
    """Brings sets and WAL to ``place``."""

    place: Place
    packing: Packing
    sets: LocalSets
    files: LocalFiles
    wal: LocalWal
    clock: Callable[[], datetime]
    volume_bytes: int = VOLUME_BYTES

    def copy(self, wanted: Sequence[str], progress: Progress) -> Copied:
        """Copy the sets that are not there yet (those wanted, else every good one), then finished WAL.

        What an earlier run that was cut off brought is not sent again. Raises CmctlError.
        """
        self.sets.create()
        with self.sets.copying("cmctl backup copy"):
            labels, _ = Copies(self.place).labels()
            manifests = {item.id: item for item in self.sets.good()}
            for set_id in wanted:
                if set_id not in manifests:
                    raise UsageProblem(f"there is no good set {set_id!r}", hint="list them with: cmctl backup list")
            asked = [item for item in manifests.values() if not wanted or item.id in wanted]
            missing = [item for item in asked if item.id not in labels]
            sent = size = 0
            for manifest in sorted(missing, key=lambda item: item.created_at):  # parents before children
                written, length = self._copy_set(manifest, progress)
                sent, size = sent + written, size + length
            wal_files, wal_size = self._copy_wal(progress)
        return Copied(self.place.name, [item.id for item in missing], sent, wal_files, size + wal_size)

    def _copy_set(self, manifest: Manifest, progress: Progress) -> tuple[int, int]:
        progress.stage(f"copying {manifest.id} to {self.place.name}")
        prefix, folder = f"sets/{manifest.id}", self.sets.path(manifest.id)
        files = [(file.path, file.size_bytes) for part in manifest.parts for file in part.files]
        packed = volumes([*files, *((name, (folder / name).stat().st_size) for name in _MANIFESTS)], self.volume_bytes)
        total = sum(item.length for volume in packed for item in volume)
        # Volumes cut otherwise, by another version, have other stems.
        stems = [f"{self.volume_bytes}-{number:05}" for number in range(len(packed))]
        there = self._whole_ones(prefix, stems)
        stored, sent, size, done = [], 0, 0, 0
        for stem, slices in zip(stems, packed, strict=True):
            if stem not in there:
                there[stem], length = self._store(prefix, stem, self.files.read(folder, slices))
                sent, size = sent + 1, size + length
            stored.append(there[stem])
            done += sum(item.length for item in slices)
            progress.advance(done, total)
        told = index_to_json(Index(tuple(self.files.folders(folder)), tuple(tuple(volume) for volume in packed)))
        index, _ = self._store(prefix, _INDEX, json.dumps(told).encode())
        now = self.clock()
        label = label_of(manifest, now, self.packing.encryption, index, stored)
        self.place.write(f"{prefix}/{LABEL}", json.dumps(label_to_json(label), indent=1).encode())
        self.sets.record("copied", now, {"id": manifest.id, "place": self.place.name, "size_bytes": label.size_bytes})
        return sent, size

    def _whole_ones(self, prefix: str, stems: Sequence[str]) -> dict[str, Stored]:
        """Volumes of an earlier run; what was cut off, and an index and label without their set, are deleted."""
        whole: dict[str, Stored] = {}
        useless = []
        for name, size in self.place.sizes(f"{prefix}/").items():
            stored = Stored.parse(name.removeprefix(f"{prefix}/"))
            if stored is None or stored.size_bytes != size or stored.stem not in stems or stored.stem in whole:
                useless.append(name)
            else:
                whole[stored.stem] = stored
        self.place.delete(useless)
        return whole

    def _store(self, prefix: str, stem: str, content: bytes) -> tuple[Stored, int]:
        packed = self.packing.pack(content)
        stored = Stored(stem, len(packed), hashlib.sha256(packed).hexdigest())
        self.place.write(f"{prefix}/{stored.name}", packed)
        return stored, len(packed)

    def _copy_wal(self, progress: Progress) -> tuple[int, int]:
        there = {stored.stem for stored in _whole_wal(self.place)}
        missing = [name for name in self.wal.finished() if name not in there]
        if missing:
            progress.stage(f"copying WAL to {self.place.name}")
        size = 0
        for number, name in enumerate(missing, start=1):
            life, _, file = name.partition("/")
            size += self._store(f"wal/{life}", file, self.wal.read(name))[1]
            progress.advance(number, len(missing))
        return len(missing), size


@dataclass(frozen=True)
class Fetcher:
    """Brings copies back from ``place``; ``unpack`` knows the key."""

    place: Place
    unpack: Unpack
    sets: LocalSets
    files: LocalFiles
    wal: LocalWal
    clock: Callable[[], datetime]

    def fetch(self, wanted: str, progress: Progress) -> list[Manifest]:
        """Get a set, what it builds on, and the WAL; each is verified before it is a set here. Raises CmctlError."""
        self.sets.create()
        with self.sets.locked("cmctl backup copy fetch"):
            labels, _ = Copies(self.place).labels()
            chosen = _chosen(labels, wanted, self.place.name)
            needed = [chosen]
            while (parent := needed[0].parent_id) is not None:
                needed.insert(0, _chosen(labels, parent, self.place.name))
            here = {item.id for item in self.sets.complete()}
            fetched = [self._fetch_set(label, progress) for label in needed if label.id not in here]
            self._fetch_wal(chosen, progress)
        return fetched

    def _fetch_set(self, label: Label, progress: Progress) -> Manifest:
        progress.stage(f"fetching {label.id} from {self.place.name}")
        index = index_from_json(json.loads(self._read(f"sets/{label.id}", label.index)))
        work = self.sets.receive(label.id)
        try:
            self.files.make(work, index.folders)
            done = 0
            for stored, slices in zip(label.volumes, index.volumes, strict=True):
                self.files.write(work, slices, self._read(f"sets/{label.id}", stored))
                done += stored.size_bytes
                progress.advance(done, label.size_bytes)
            progress.stage(f"verifying {label.id}")
            manifest = self.sets.accept(work, label.id)
        except BaseException:
            self.sets.discard(work)
            raise
        self.sets.record("fetched", self.clock(), {"id": label.id, "place": self.place.name})
        return manifest

    def _fetch_wal(self, label: Label, progress: Progress) -> None:
        lives: dict[str, dict[str, Stored]] = {}
        for stored in _whole_wal(self.place):
            life, _, file = stored.stem.partition("/")
            segment = Segment.parse(file)
            if segment is None or segment.end > Lsn.parse(label.start_lsn):
                lives.setdefault(life, {})[file] = stored
        for life, files in lives.items():
            progress.stage(f"fetching WAL {life} from {self.place.name}")
            content = {}
            for number, (file, stored) in enumerate(files.items(), start=1):
                content[file] = self._read("wal", stored)
                progress.advance(number, len(files))
            self.wal.receive(life, content)

    def _read(self, prefix: str, stored: Stored) -> bytes:
        content = self.place.read(f"{prefix}/{stored.name}")
        if hashlib.sha256(content).hexdigest() != stored.sha256:
            raise Refused(
                f"{self.place.name}: {prefix}/{stored.name} is damaged and is not used",
                hint="choose another set or place: cmctl backup copy list",
            )
        return self.unpack(content)


@dataclass(frozen=True)
class CopyPruner:
    """Applies ``policy`` to the copies in ``place``."""

    place: Place
    sets: LocalSets
    policy: RetentionPolicy
    clock: Callable[[], datetime]

    def prune(self, is_dry_run: bool) -> PrunedCopies:
        """Delete, children before parents; the label first, so that half a copy is none. Raises CmctlError."""
        self.sets.create()
        with self.sets.copying("cmctl backup copy prune"):
            now = self.clock()
            labels, wrong = Copies(self.place).labels()
            known = [KnownSet(item.id, item.created_at, True, item.parent_id) for item in labels.values()]
            here = {item.id for item in self.sets.complete()}
            # One that was begun is mended by the next copy, as long as its set is here.
            known += [KnownSet(set_id, _moment_of(set_id), False) for set_id in wrong if set_id not in here]
            verdicts = decide(known, self.policy, now)
            going = [item.id for item in pruning_order(verdicts)]
            wal = self._unneeded_wal([label for set_id, label in labels.items() if set_id not in going])
            if not is_dry_run:
                for set_id in going:
                    self.sets.record("copy pruned", now, {"id": set_id, "place": self.place.name})
                    self.place.delete([f"sets/{set_id}/{LABEL}"])
                    self.place.delete(list(self.place.sizes(f"sets/{set_id}/")))
                self.place.delete(wal)
        return PrunedCopies(self.place.name, verdicts, wal)

    def _unneeded_wal(self, kept: Sequence[Label]) -> list[str]:
        """Segments that end before every kept copy begins. Without a kept copy nothing is unneeded."""
        if not kept or len({label.system_identifier for label in kept}) > 1:
            return []  # positions of two systems cannot be compared; it goes when the older system's copies are gone
        oldest = min(Lsn.parse(label.start_lsn) for label in kept)
        found = []
        for stored in _whole_wal(self.place):
            segment = Segment.parse(stored.stem.partition("/")[2])
            if segment is not None and segment.end <= oldest:
                found.append(f"wal/{stored.name}")
        return found


def _moment_of(set_id: str) -> datetime:
    """When a set was begun, by its id; long ago when that is none."""
    try:
        return datetime.strptime(set_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _incomplete(label: Label, sizes: Mapping[str, int]) -> str:
    for part in label.parts:
        size = sizes.get(f"sets/{label.id}/{part.name}")
        if size != part.size_bytes:
            told = "is missing" if size is None else f"has {size} bytes instead of {part.size_bytes}"
            return f"{part.stem} {told}; the next cmctl backup copy mends it"
    return ""


def _whole_wal(place: Place) -> list[Stored]:
    """WAL whose size is what its name says; the stem is LIFE/FILE."""
    found = []
    for name, size in sorted(place.sizes("wal/").items()):
        stored = Stored.parse(name.removeprefix("wal/"))
        if stored is not None and stored.size_bytes == size:
            found.append(stored)
    return found


def _chosen(labels: Mapping[str, Label], wanted: str, place: str) -> Label:
    if wanted == "latest" and labels:
        return labels[max(labels)]
    if wanted not in labels:
        problem = "there is no complete copy yet" if wanted == "latest" else f"there is no complete copy of {wanted!r}"
        raise UsageProblem(f"{place}: {problem}", hint="list them with: cmctl backup copy list")
    return labels[wanted]
