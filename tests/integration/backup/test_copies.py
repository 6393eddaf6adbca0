"""Copies in a directory, behind a real sshd and in an S3 server: whole, mended, verified, fetched, pruned."""

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.adapters.backup.catalogue import Catalogue
from controlplane.adapters.backup.copy_local import CopyFiles, CopySets, CopyWal
from controlplane.adapters.backup.packing import Packing, new_identity, unpacker
from controlplane.adapters.backup.places.directory import DirectoryPlace
from controlplane.adapters.backup.places.paced import PacedPlace
from controlplane.adapters.backup.places.s3 import S3Place, client
from controlplane.adapters.backup.places.ssh import SshPlace
from controlplane.adapters.backup.wal_archive import LIFE, WalArchive
from controlplane.domain.backup.copy import LABEL
from controlplane.domain.backup.manifest import Manifest, Part
from controlplane.domain.backup.retention import RetentionPolicy
from controlplane.domain.backup.wal import Segment
from controlplane.errors import CmctlError, DependencyUnreachable, Refused, UsageProblem
from controlplane.services.backup.copy import Copier, Copies, CopyPruner, Fetcher
from controlplane.services.backup.copy_ports import Place
from tests.support.copy_places import BUCKET, KEY_ID, SECRET, S3Server, SshServer
from tests.support.full_disk import full_disk

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Silent:
    """Progress that nobody looks at."""

    def stage(self, text: str) -> None: ...

    def advance(self, done_bytes: int, total_bytes: int) -> None: ...

    def note(self, text: str) -> None: ...


@dataclass
class CutOff:
    """A stand-in around a real place: the connection is lost at the n-th write, which arrives cut off."""

    place: Place
    after: int
    written: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.place.name

    def sizes(self, prefix: str) -> object:
        return self.place.sizes(prefix)

    def write(self, name: str, content: bytes) -> None:
        self.written.append(name)
        if len(self.written) == self.after:
            self.place.write(name, content[: len(content) // 2])
            raise DependencyUnreachable("the connection is lost")
        self.place.write(name, content)

    def read(self, name: str) -> bytes:
        return self.place.read(name)

    def delete(self, names: Sequence[str]) -> None:
        self.place.delete(names)


@pytest.fixture(scope="module")
def ssh_server() -> Iterator[SshServer]:
    if shutil.which("sftp") is None:
        pytest.fail("these tests need sftp: apt-get install openssh-client (`make test` does so as root)")
    server = SshServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["directory", "ssh", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A fresh place of each kind."""
    if request.param == "directory":
        (tmp_path / "place").mkdir()
        return DirectoryPlace("disk", tmp_path / "place")
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        return S3Place("bucket", BUCKET, f"{tmp_path.name}/", client(server.url, "us-east-1", KEY_ID, SECRET))
    ssh: SshServer = request.getfixturevalue("ssh_server")
    folder = ssh.path / tmp_path.name
    place = SshPlace("host", "copies", str(folder), ssh.config_file)
    SshPlace("host", "copies", str(ssh.path), ssh.config_file)._sftp(f"mkdir {folder}")
    return place


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue(tmp_path / "backups")
    catalogue.create()
    return catalogue


def make(
    catalogue: Catalogue, days_ago: float, parent: str | None = None, size: int = 1000, start: int = 1
) -> Manifest:
    """A set with files of many sizes, an empty one, and a folder without files."""
    moment, chosen = NOW - timedelta(days=days_ago), random.Random(days_ago)
    work = catalogue.begin(moment)
    (work / "postgresql" / "pg_notify").mkdir(parents=True)
    for number in range(5):
        (work / "postgresql" / f"{number}").write_bytes(chosen.randbytes(size * number))
    details = {"system_identifier": "7", "timeline": 1, "start_lsn": str(Segment(1, start).start)}
    part = Part("postgresql", moment, catalogue.entries(work, work / "postgresql", lambda _: None), {**details})
    kind = "incremental" if parent else "full"
    manifest = Manifest(catalogue.id_of(work), kind, moment, moment, (part,), parent)
    catalogue.commit(work, manifest)
    return manifest


def archive(catalogue: Catalogue, segments: range) -> WalArchive:
    life = catalogue.folder / "wal" / "0001"
    life.mkdir(parents=True)
    (life / LIFE).write_text('{"system_identifier": "7", "started_at": "2026-11-20T12:00:00+00:00"}')
    for number in segments:
        (life / Segment(1, number).name).write_bytes(b"wal %d" % number)
    (life / Segment(1, segments.stop, True).name).write_bytes(b"growing")
    return WalArchive(catalogue.folder / "wal")


def copier(place: Place, catalogue: Catalogue, recipients: Sequence[str] = ()) -> Copier:
    wal = CopyWal(WalArchive(catalogue.folder / "wal"))
    sets = CopySets(catalogue, Silent())
    return Copier(place, Packing(recipients), sets, CopyFiles(), wal, lambda: NOW, volume_bytes=16_000)


def fetcher(place: Place, folder: Path, identity: Path | None = None) -> Fetcher:
    other = Catalogue(folder)
    wal = CopyWal(WalArchive(folder / "wal"))
    return Fetcher(place, unpacker(identity), CopySets(other, Silent()), CopyFiles(), wal, lambda: NOW)


def content(folder: Path) -> dict[str, str]:
    """Every folder and file below, with a hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


@pytest.fixture
def key(tmp_path: Path) -> tuple[str, Path]:
    """Public key, and the file with the secret one."""
    secret, public = new_identity()
    (tmp_path / "key").write_text(f"# public key: {public}\n{secret}\n")
    return public, tmp_path / "key"


def test_what_comes_back_is_what_was_copied(
    place: Place, catalogue: Catalogue, key: tuple[str, Path], tmp_path: Path
) -> None:
    full = make(catalogue, 2, size=6_000)  # more than one volume
    child = make(catalogue, 1, full.id)
    archive(catalogue, range(1, 4))
    done = copier(place, catalogue, [key[0]]).copy((), Silent())
    assert (set(done.sets), done.wal_files) == ({full.id, child.id}, 4)
    assert done.volumes == 5  # 60 kB in volumes of 16, and one for the child
    again = copier(place, catalogue, [key[0]]).copy((), Silent())
    assert (list(again.sets), again.volumes, again.wal_files) == ([], 0, 0)
    views = Copies(place).views()
    assert [(view.id, view.complete, view.encryption) for view in views] == [
        (child.id, True, "age"),
        (full.id, True, "age"),
    ]
    assert Copies(place).verify("latest", Silent()) == []
    fetched = fetcher(place, tmp_path / "other", key[1]).fetch("latest", Silent())
    assert [item.id for item in fetched] == [full.id, child.id]
    here, there = content(catalogue.folder), content(tmp_path / "other")
    assert {name: there.get(name) for name in here if name.startswith("sets/")} == {
        name: digest for name, digest in here.items() if name.startswith("sets/")
    }
    wal = {name for name in here if name.startswith("wal/") and not name.endswith(".partial")}  # its folder, too
    assert {name: there.get(name) for name in wal} == {name: here[name] for name in wal}
    assert fetcher(place, tmp_path / "other", key[1]).fetch("latest", Silent()) == []


@pytest.mark.parametrize("after", [2, 6])
def test_cut_off_it_goes_on_where_it_was_and_mends_what_arrived_cut_off(
    place: Place, catalogue: Catalogue, tmp_path: Path, after: int
) -> None:
    made = make(catalogue, 1, size=6_000)
    with pytest.raises(DependencyUnreachable):
        copier(CutOff(place, after), catalogue).copy((), Silent())
    assert [(view.id, view.complete) for view in Copies(place).views()] == [(made.id, False)]
    with pytest.raises(UsageProblem, match="there is no complete copy"):
        fetcher(place, tmp_path / "other").fetch("latest", Silent())
    done = copier(place, catalogue).copy((), Silent())
    assert done.volumes == max(0, 4 - (after - 1))
    assert Copies(place).verify("latest", Silent()) == []
    fetcher(place, tmp_path / "other").fetch("latest", Silent())
    assert Catalogue(tmp_path / "other").complete() == [made]


def test_a_full_disk_in_the_other_place_is_one_sentence_and_no_copy(
    folder_place: DirectoryPlace, catalogue: Catalogue
) -> None:
    made = make(catalogue, 1, size=6_000)
    with full_disk(9_000), pytest.raises(CmctlError, match=r"/sets/.*: could not be written: File too large"):
        copier(folder_place, catalogue).copy((), Silent())
    assert [view.complete for view in Copies(folder_place).views()] in ([], [False])
    copier(folder_place, catalogue).copy((), Silent())
    assert Copies(folder_place).verify(made.id, Silent()) == []


def test_a_full_disk_here_brings_back_no_half_set(
    folder_place: DirectoryPlace, catalogue: Catalogue, tmp_path: Path
) -> None:
    made = make(catalogue, 1, size=6_000)
    copier(folder_place, catalogue).copy((), Silent())
    with full_disk(9_000), pytest.raises(CmctlError, match=r"/sets/.*: could not be written: File too large"):
        fetcher(folder_place, tmp_path / "other").fetch("latest", Silent())
    assert Catalogue(tmp_path / "other").stored() == []
    fetcher(folder_place, tmp_path / "other").fetch("latest", Silent())
    assert Catalogue(tmp_path / "other").complete() == [made]


def test_a_copy_cut_off_later_is_found_and_mended(place: Place, catalogue: Catalogue) -> None:
    made = make(catalogue, 1)
    copier(place, catalogue).copy((), Silent())
    name = next(name for name in place.sizes(f"sets/{made.id}/") if "-00000." in name)
    place.write(name, place.read(name)[:-1])
    (view,) = Copies(place).views()
    assert not view.complete
    assert "next cmctl backup copy mends it" in view.problem
    copier(place, catalogue).copy((), Silent())
    assert Copies(place).verify(made.id, Silent()) == []


def test_pruning_follows_the_policy_and_keeps_the_last(place: Place, catalogue: Catalogue) -> None:
    old, full = make(catalogue, 20, start=2), make(catalogue, 8, start=5)
    child = make(catalogue, 1, full.id, start=7)
    archive(catalogue, range(1, 9))
    copier(place, catalogue).copy((), Silent())
    pruner = CopyPruner(place, CopySets(catalogue, Silent()), RetentionPolicy(), lambda: NOW)
    planned = pruner.prune(is_dry_run=True)
    assert len(Copies(place).views()) == 3
    done = pruner.prune(is_dry_run=False)
    assert [(v.set.id, v.keep) for v in done.verdicts] == [(child.id, True), (full.id, True), (old.id, False)]
    assert done.wal_files == planned.wal_files
    assert [view.id for view in Copies(place).views()] == [child.id, full.id]
    segments = [name.split("/")[-1].split(".")[0] for name in place.sizes("wal/")]
    assert sorted(segments) == [*(Segment(1, number).name for number in range(5, 9)), "life"]
    assert [e["id"] for e in catalogue.history() if e["event"] == "copy pruned"] == [old.id]


def test_an_unfinished_copy_goes_once_its_set_is_gone(place: Place, catalogue: Catalogue) -> None:
    old, new = make(catalogue, 5), make(catalogue, 1)
    with pytest.raises(DependencyUnreachable):
        copier(CutOff(place, 2), catalogue).copy([old.id], Silent())
    copier(place, catalogue).copy([new.id], Silent())
    pruner = CopyPruner(place, CopySets(catalogue, Silent()), RetentionPolicy(), lambda: NOW)
    pruner.prune(is_dry_run=False)
    assert [view.id for view in Copies(place).views()] == [new.id, old.id]  # the next copy would mend it
    catalogue.delete(old.id)
    pruner.prune(is_dry_run=False)
    assert [view.id for view in Copies(place).views()] == [new.id]
    assert list(place.sizes(f"sets/{old.id}/")) == []


# What does not depend on the kind of place is tried in a directory.


@pytest.fixture
def folder_place(tmp_path: Path) -> DirectoryPlace:
    (tmp_path / "place").mkdir()
    return DirectoryPlace("disk", tmp_path / "place")


def test_a_flipped_byte_is_found_without_the_key_and_not_fetched(
    folder_place: DirectoryPlace, catalogue: Catalogue, key: tuple[str, Path], tmp_path: Path
) -> None:
    place, made = folder_place, make(catalogue, 1, size=6_000)
    copier(place, catalogue, [key[0]]).copy((), Silent())
    chosen = random.Random(3)
    for name in place.sizes(f"sets/{made.id}/"):
        if name.endswith(LABEL):
            continue
        whole = place.read(name)
        for _ in range(40):
            damaged = bytearray(whole)
            damaged[chosen.randrange(len(damaged))] ^= 1 << chosen.randrange(8)
            place.write(name, bytes(damaged))
            assert Copies(place).verify(made.id, Silent()) == [f"{name.rpartition('/')[2]} is not as it was written"]
        with pytest.raises(Refused, match="is damaged and is not used"):
            fetcher(place, tmp_path / "other", key[1]).fetch(made.id, Silent())
        place.write(name, whole)
    assert Catalogue(tmp_path / "other").stored() == []


def test_nothing_readable_is_in_an_encrypted_copy(
    folder_place: DirectoryPlace, catalogue: Catalogue, key: tuple[str, Path]
) -> None:
    made = make(catalogue, 1)
    archive(catalogue, range(1, 2))
    copier(folder_place, catalogue, [key[0]]).copy((), Silent())
    label = folder_place.folder / "sets" / made.id / LABEL
    for path in folder_place.folder.rglob("*"):
        if path.is_file() and path != label:
            assert path.read_bytes().startswith(b"age-encryption.org/v1\n"), path
    assert b"pg_notify" not in label.read_bytes()


def test_without_or_with_a_wrong_key_nothing_is_fetched(
    folder_place: DirectoryPlace, catalogue: Catalogue, key: tuple[str, Path], tmp_path: Path
) -> None:
    make(catalogue, 1)
    copier(folder_place, catalogue, [key[0]]).copy((), Silent())
    wrong, broken = tmp_path / "wrong", tmp_path / "broken"
    wrong.write_text(new_identity()[0])
    broken.write_text("AGE-SECRET-KEY-1WHATEVER")
    cases: list[tuple[Path | None, type[CmctlError], str]] = [
        (None, UsageProblem, "the copies are encrypted, and no key was given"),
        (tmp_path / "nowhere", UsageProblem, "cannot be used: No such file"),
        (broken, UsageProblem, "it holds something that is no secret key of age"),
        (wrong, Refused, "the key does not open the copies"),
    ]
    for identity, kind, words in cases:
        with pytest.raises(kind, match=words) as told:
            fetcher(folder_place, tmp_path / "other", identity).fetch("latest", Silent())
        assert "WHATEVER" not in told.value.message
    assert Catalogue(tmp_path / "other").stored() == []


def test_a_set_swapped_for_another_is_not_accepted(
    folder_place: DirectoryPlace, catalogue: Catalogue, tmp_path: Path
) -> None:
    first, second = make(catalogue, 2), make(catalogue, 1)
    copier(folder_place, catalogue).copy((), Silent())
    sets = folder_place.folder / "sets"
    label = (sets / first.id / LABEL).read_text().replace(first.id, second.id)
    (sets / second.id).rename(tmp_path / "away")
    (sets / first.id).rename(sets / second.id)
    (sets / second.id / LABEL).write_text(label)
    with pytest.raises(CmctlError, match=f"the copy of {second.id} is not that set"):
        fetcher(folder_place, tmp_path / "other").fetch(second.id, Silent())
    assert Catalogue(tmp_path / "other").stored() == []


def test_a_place_that_is_not_there_is_one_sentence(catalogue: Catalogue, tmp_path: Path) -> None:
    make(catalogue, 1)
    nobody = client("http://127.0.0.1:9", "us-east-1", KEY_ID, SECRET)
    nobody.meta.config.retries = {"mode": "standard", "max_attempts": 1}
    config = tmp_path / "ssh.conf"
    config.write_text("Port 9\n")
    cases: list[tuple[Place, str]] = [
        (DirectoryPlace("disk", tmp_path / "unmounted"), "disk: the folder .* is not there"),
        (SshPlace("host", "nobody@127.0.0.1", "/x", config), r"host: (nobody@127.0.0.1 cannot be reached|sftp is not)"),
        (S3Place("bucket", "any", "", nobody), "bucket: Could not connect"),
    ]
    for place, words in cases:
        with pytest.raises(DependencyUnreachable, match=words):
            copier(place, catalogue).copy((), Silent())
    assert not (tmp_path / "unmounted").exists()


def test_a_bucket_that_is_not_there_is_one_sentence(s3_server: S3Server, catalogue: Catalogue) -> None:
    place = S3Place("bucket", "no-such-bucket", "", client(s3_server.url, "us-east-1", KEY_ID, SECRET))
    with pytest.raises(CmctlError, match="bucket: the bucket no-such-bucket: The specified bucket does not exist"):
        copier(place, catalogue).copy((), Silent())


def test_a_source_that_vanishes_leaves_no_copy(folder_place: DirectoryPlace, catalogue: Catalogue) -> None:
    made = make(catalogue, 1)
    (catalogue.path(made.id) / "postgresql" / "3").write_bytes(b"short")
    with pytest.raises(CmctlError, match="is shorter than the manifest says"):
        copier(folder_place, catalogue).copy((), Silent())
    assert not any(view.complete for view in Copies(folder_place).views())


def test_wal_of_a_host_made_anew_is_not_taken_for_that_of_the_former(
    folder_place: DirectoryPlace, catalogue: Catalogue, tmp_path: Path
) -> None:
    archive(catalogue, range(1, 3))
    copier(folder_place, catalogue).copy((), Silent())
    other = Catalogue(tmp_path / "anew")
    other.create()
    life = archive(other, range(1, 3)).lives()[0]
    (life.folder / LIFE).write_text('{"system_identifier": "8", "started_at": "2026-11-21T12:00:00+00:00"}')
    made = make(other, 1)
    assert copier(folder_place, other).copy((), Silent()).wal_files == 3
    third = tmp_path / "third"
    fetcher(folder_place, third).fetch(made.id, Silent())
    assert sorted(item.system_identifier for item in WalArchive(third / "wal").lives()) == ["7", "8"]


def test_one_copies_at_a_time_while_sets_are_made(folder_place: DirectoryPlace, catalogue: Catalogue) -> None:
    make(catalogue, 1)
    with catalogue.locked("cmctl backup create"):
        copier(folder_place, catalogue).copy((), Silent())
    with (
        CopySets(catalogue, Silent()).copying("cmctl backup copy"),
        pytest.raises(Refused, match=r"cmctl backup copy \(process \d+\) is at work"),
    ):
        copier(folder_place, catalogue).copy((), Silent())


def test_a_rate_is_kept_on_average(folder_place: DirectoryPlace) -> None:
    now, waited = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        waited.append(seconds)
        now += seconds

    def clock() -> float:
        return now

    place: Callable[..., None] = PacedPlace(folder_place, 1000, clock, sleep).write
    place("sets/a/b", b"x" * 500)
    place("sets/a/c", b"x" * 1500)
    assert waited == [0.5, 1.5]
