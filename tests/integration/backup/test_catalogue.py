"""The folder of sets without a server: complete or not listed, swept, pruned, and no flipped byte goes unnoticed."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.adapters.backup import checks
from controlplane.adapters.backup.catalogue import Catalogue
from controlplane.adapters.backup.wal_archive import LIFE, WalArchive
from controlplane.domain.backup.manifest import Manifest, Part
from controlplane.domain.backup.retention import RetentionPolicy
from controlplane.domain.backup.verification import Verification
from controlplane.domain.backup.wal import Segment
from controlplane.errors import CmctlError, Refused
from controlplane.services.backup.prune import Pruner
from tests.support.full_disk import full_disk

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Silent:
    """Progress that nobody looks at."""

    def stage(self, text: str) -> None: ...

    def advance(self, done_bytes: int, total_bytes: int) -> None: ...

    def note(self, text: str) -> None: ...


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue(tmp_path / "backups")
    catalogue.create()
    return catalogue


def make(catalogue: Catalogue, days_ago: float, parent: str | None = None, files: int = 3, start: int = 1) -> Manifest:
    """A set of random files whose WAL starts with segment number ``start``."""
    moment = NOW - timedelta(days=days_ago)
    work = catalogue.begin(moment)
    chosen = random.Random(int(days_ago * 10))
    (work / "postgresql").mkdir()
    for number in range(files):
        (work / "postgresql" / f"{number}").write_bytes(chosen.randbytes(1 + number * 7))
    details = {"system_identifier": "7", "timeline": 1, "start_lsn": str(Segment(1, start).start)}
    part = Part("postgresql", moment, catalogue.entries(work, work / "postgresql", lambda _: None), {**details})
    kind = "incremental" if parent else "full"
    manifest = Manifest(catalogue.id_of(work), kind, moment, moment, (part,), parent)
    catalogue.commit(work, manifest)
    return manifest


def problems(catalogue: Catalogue, manifest: Manifest) -> list[str]:
    return list(checks.hashes(catalogue.path(manifest.id), manifest, Silent())[0])


def flip(path: Path, chosen: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    path.write_bytes(content)


def test_what_was_not_committed_is_no_set_and_is_swept(catalogue: Catalogue) -> None:
    made = make(catalogue, 1)
    work = catalogue.begin(NOW)
    (work / "postgresql").mkdir()
    assert [item.id for item in catalogue.stored()] == [made.id]
    assert catalogue.sweep() == [work.name]
    assert not work.exists()
    assert catalogue.complete() == [made]


def test_no_room_for_the_manifest_is_one_sentence_and_no_set(catalogue: Catalogue) -> None:
    work = catalogue.begin(NOW)
    with full_disk(), pytest.raises(CmctlError, match=r"manifest\.json: could not be written: File too large"):
        catalogue.commit(work, Manifest(catalogue.id_of(work), "full", NOW, NOW, ()))
    assert catalogue.stored() == []
    catalogue.discard(work)
    assert list(catalogue.sets_folder.iterdir()) == []


def test_on_a_full_disk_one_still_works_at_a_time(catalogue: Catalogue) -> None:
    with full_disk(), catalogue.locked("the first"), pytest.raises(Refused, match="is at work"):
        catalogue.locked("the second").__enter__()


def test_a_record_that_a_full_disk_cut_off_takes_no_other_along(catalogue: Catalogue) -> None:
    catalogue.record("first", NOW, {})
    with full_disk((catalogue.folder / "history.jsonl").stat().st_size + 20), pytest.raises(CmctlError):
        catalogue.record("second", NOW, {})
    catalogue.record("third", NOW, {})
    assert [item["event"] for item in catalogue.history()] == ["first", "third"]


def test_two_sets_of_one_second_have_different_names(catalogue: Catalogue) -> None:
    first, second = make(catalogue, 1), make(catalogue, 1)
    assert (first.id, second.id) == ("20261119T120000Z", "20261119T120000Z-2")


def test_one_at_a_time(catalogue: Catalogue) -> None:
    with (
        catalogue.locked("the first"),
        pytest.raises(Refused, match=r"the first \(process \d+\) is at work"),
        catalogue.locked("the second"),
    ):
        pass
    with catalogue.locked("the third"):
        pass


def test_a_flipped_byte_is_found_in_every_one_of_200_files(catalogue: Catalogue) -> None:
    manifest = make(catalogue, 1, files=200)
    assert problems(catalogue, manifest) == []
    chosen = random.Random(1)
    for path in (catalogue.path(manifest.id) / "postgresql").iterdir():
        flip(path, chosen)
    found = problems(catalogue, manifest)
    assert all(problem.endswith("is not as it was written") for problem in found[:-1])
    assert (len(found), found[-1]) == (11, "and 190 more")


def test_a_flipped_byte_anywhere_in_the_manifest_makes_the_set_unusable(catalogue: Catalogue) -> None:
    manifest = make(catalogue, 1)
    folder, chosen = catalogue.path(manifest.id), random.Random(2)
    for name in ("manifest.json", "manifest.sha256.json"):
        whole = (folder / name).read_bytes()
        for _ in range(100):
            flip(folder / name, chosen)
            stored = Catalogue(catalogue.folder).stored()[0]
            # A flipped blank or line end of the seal says the same as before.
            assert stored.manifest is None or (stored.manifest == manifest and name == "manifest.sha256.json")
            (folder / name).write_bytes(whole)
    assert Catalogue(catalogue.folder).complete() == [manifest]


def test_missing_and_foreign_files_are_found(catalogue: Catalogue) -> None:
    manifest = make(catalogue, 1)
    folder = catalogue.path(manifest.id) / "postgresql"
    (folder / "0").unlink()
    (folder / "foreign").touch()
    (folder / "1").write_bytes(b"short")
    assert problems(catalogue, manifest) == [
        "postgresql/0 is missing",
        "postgresql/foreign does not belong to the set",
        "postgresql/1 has 5 bytes instead of 8",
    ]


def test_a_set_found_bad_is_not_built_upon_and_not_the_last_good_one(catalogue: Catalogue) -> None:
    old, new = make(catalogue, 2), make(catalogue, 1)
    catalogue.keep_verification(Verification(new.id, NOW, 3, 30, 0.1, ["something"]))
    assert catalogue.good() == [old]
    assert catalogue.find("latest").id == old.id
    assert [(item.id, item.usable) for item in catalogue.known()] == [(new.id, False), (old.id, True)]


def archive(catalogue: Catalogue, segments: range) -> WalArchive:
    life = catalogue.folder / "wal" / "0001"
    life.mkdir(parents=True)
    (life / LIFE).write_text(json.dumps({"system_identifier": "7", "started_at": NOW.isoformat()}))
    for number in segments:
        (life / Segment(1, number).name).touch()
    (life / Segment(1, segments.stop, True).name).touch()
    return WalArchive(catalogue.folder / "wal")


def test_pruning_deletes_what_no_rule_wants_and_the_wal_before_the_oldest_kept_set(catalogue: Catalogue) -> None:
    old = make(catalogue, 20, start=2)
    older_child = make(catalogue, 19, old.id, start=3)
    full = make(catalogue, 8, start=5)
    child = make(catalogue, 1, full.id, start=8)
    wal = archive(catalogue, range(1, 10))
    pruner = Pruner(catalogue, wal, RetentionPolicy(last=1), lambda: NOW)
    planned = pruner.prune(is_dry_run=True)
    assert [verdict.keep for verdict in planned.verdicts] == [True, True, False, False]
    assert len(catalogue.stored()) == 4
    done = pruner.prune(is_dry_run=False)
    assert done.wal_files == planned.wal_files == [f"0001/{Segment(1, number).name}" for number in range(1, 5)]
    assert [item.id for item in catalogue.stored()] == [child.id, full.id]
    assert [event["id"] for event in catalogue.history() if event["event"] == "pruned"] == [older_child.id, old.id]
    assert wal.lives()[0].segments()[0] == Segment(1, 5)


def test_wal_that_nobody_asked_about_stays(catalogue: Catalogue) -> None:
    wal = archive(catalogue, range(1, 4))
    assert Pruner(catalogue, wal, RetentionPolicy(last=1), lambda: NOW).prune(is_dry_run=False).wal_files == []
    assert len(wal.lives()[0].segments()) == 4


def test_a_rolled_back_history_is_set_aside(catalogue: Catalogue) -> None:
    wal = archive(catalogue, range(1, 4))
    assert wal.abandon_since(NOW + timedelta(seconds=1)) == []
    assert wal.abandon_since(NOW) == ["0001"]
    assert (wal.lives(), wal.next_number()) == ([], 2)
