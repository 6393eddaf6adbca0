"""A drill with stand-ins for everything outside: whatever happens is recorded, and nothing is left behind."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from controlplane.domain.backup.drill import DrillReport, Mark
from controlplane.domain.backup.manifest import FileEntry, Manifest, Part
from controlplane.domain.backup.restoring import RecoveredServer
from controlplane.domain.backup.target import RecoveryTarget
from controlplane.errors import CmctlError, DependencyUnreachable, Refused
from controlplane.services.backup.drill import Drill
from controlplane.services.backup.ports import Progress

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
COUNTS = {"memories": 1}
MANIFEST = Manifest("set", "full", NOW, NOW, (Part("postgresql", NOW, (FileEntry("a", 100, "x"),)),))
MARK = Mark(NOW, 0x100, True, COUNTS, {"a": "1"})


class Quiet:
    def stage(self, text: str) -> None: ...
    def advance(self, done_bytes: int, total_bytes: int) -> None: ...
    def note(self, text: str) -> None: ...


@dataclass
class Sets:
    manifests: list[Manifest] = field(default_factory=lambda: [MANIFEST])
    problems: Sequence[str] = ()
    version: int = 18

    def good(self) -> list[Manifest]:
        return self.manifests

    def require_version(self, manifest: Manifest) -> None:
        if self.version != 18:
            raise Refused(f"set set is of PostgreSQL {self.version}")

    def problems_of(self, manifest: Manifest, progress: Progress) -> Sequence[str]:
        return self.problems


@dataclass
class Production:
    is_there: bool = True
    goes_on: bool = True

    def mark(self) -> Mark:
        if not self.is_there:
            raise DependencyUnreachable("PostgreSQL is away")
        return MARK

    def seconds_until_archived(self, lsn: int) -> float:
        return 0.5

    def archived_beyond(self, lsn: int) -> bool:
        return self.goes_on

    def still_there(self, ids: Sequence[str]) -> frozenset[str]:
        if not self.is_there:
            raise DependencyUnreachable("PostgreSQL is away")
        return frozenset(ids)


@dataclass
class Instance:
    server: RecoveredServer = field(default_factory=lambda: RecoveredServer(2, "0/100", NOW, COUNTS))
    rows: Mapping[str, str] = field(default_factory=lambda: {"a": "1"})
    hits: Sequence[str] = ("tea",)
    failure: BaseException | None = None

    def digests(self, ids: Sequence[str]) -> Mapping[str, str]:
        return self.rows

    def texts(self, count: int) -> Sequence[str]:
        return ["tea"]

    def found(self, text: str) -> Sequence[str]:
        if self.failure:
            raise self.failure
        return self.hits

    def reconcile(self) -> tuple[int, int]:
        return 1, 0


@dataclass
class Scratch:
    instance: Instance = field(default_factory=Instance)
    free: int = 10**12
    checksums: str | None = None
    killed: DrillReport | None = None
    is_clear: bool = True
    targets: list[RecoveryTarget] = field(default_factory=list)

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield

    def begin(self, report: DrillReport) -> None:
        self.is_clear = False

    def interrupted(self) -> DrillReport | None:
        return self.killed

    def sweep(self) -> Sequence[str]:
        return ()

    def free_bytes(self) -> int:
        return self.free

    def prepare(self, sets: Sequence[Manifest], progress: Progress) -> None: ...

    @contextmanager
    def started(self, manifest: Manifest, target: RecoveryTarget) -> Iterator[Instance]:
        self.targets.append(target)
        yield self.instance

    def checksum_problem(self) -> str | None:
        return self.checksums

    def clear(self) -> None:
        self.is_clear = True


@dataclass
class Stage:
    sets: Sets = field(default_factory=Sets)
    production: Production = field(default_factory=Production)
    scratch: Scratch = field(default_factory=Scratch)
    kept: list[DrillReport] = field(default_factory=list)

    def run(self) -> DrillReport:
        return Drill(self.sets, self.production, self.scratch, self.kept.append, lambda: NOW).run(Quiet())


def test_a_good_one_passes_and_is_kept() -> None:
    stage = Stage()
    report = stage.run()
    assert (report.outcome, report.rpo_seconds, stage.kept, stage.scratch.is_clear) == ("passed", 0.5, [report], True)
    assert all(item.ok for item in report.checks)
    assert stage.scratch.targets[0].words == "LSN 0/100"
    assert not stage.scratch.targets[0].is_inclusive


def test_without_more_wal_the_end_of_the_archive_is_the_target() -> None:
    stage = Stage(production=Production(goes_on=False))
    assert stage.run().outcome == "passed"
    assert stage.scratch.targets == [RecoveryTarget()]


def test_without_production_it_still_restores() -> None:
    report = Stage(production=Production(is_there=False)).run()
    assert (report.outcome, report.rpo_seconds) == ("passed", None)
    assert {item.name: item.ok for item in report.checks} == {
        "vectors": True,
        "search": True,
        "recovery": None,
        "counts": None,
        "rows": None,
        "checksums": True,
    }


FAILURES = {
    "no set": (Stage(sets=Sets([])), "there is no good set"),
    "a damaged set": (Stage(sets=Sets(problems=["a is not as it was written"])), "set set is damaged: a is not"),
    "another major version": (Stage(sets=Sets(version=16)), "set set is of PostgreSQL 16"),
    "no room": (Stage(scratch=Scratch(free=1000)), "0 MB may be used"),
    "other rows": (Stage(scratch=Scratch(Instance(rows={"a": "2"}))), "rows: 1 of 1 memories differ"),
    "a row that lacks": (Stage(scratch=Scratch(Instance(rows={}))), "rows: 1 of 1 memories differ or lack"),
    "other counts": (
        Stage(scratch=Scratch(Instance(RecoveredServer(2, "0/100", NOW, {"memories": 0})))),
        "counts: not production's: memories: 0 instead of 1",
    ),
    "too early": (Stage(scratch=Scratch(Instance(RecoveredServer(2, "0/10", NOW, COUNTS)))), "recovery: "),
    "nothing is found": (Stage(scratch=Scratch(Instance(hits=()))), "search: 1 of 1 memories are not found"),
    "a page": (Stage(scratch=Scratch(checksums="page 3 is damaged")), "checksums: page 3 is damaged"),
    "the memory server": (Stage(scratch=Scratch(Instance(failure=CmctlError("it is gone")))), "it is gone"),
}


@pytest.mark.parametrize(("stage", "problem"), FAILURES.values(), ids=FAILURES.keys())
def test_what_is_wrong_fails_it_and_is_said(stage: Stage, problem: str) -> None:
    report = stage.run()
    assert (report.outcome, problem in report.problem) == ("failed", True), report.problem
    assert (stage.kept, stage.scratch.is_clear) == ([report], True)


def test_one_that_is_ended_is_kept_as_interrupted() -> None:
    stage = Stage(scratch=Scratch(Instance(failure=KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert ([item.outcome for item in stage.kept], stage.scratch.is_clear) == (["interrupted"], True)


def test_one_that_was_killed_is_recorded_by_the_next() -> None:
    first = Stage().run()
    killed = replace(first, outcome="interrupted", problem="it was ended")
    stage = Stage(scratch=Scratch(killed=killed))
    assert stage.run().outcome == "passed"
    assert [(item.outcome, item.problem) for item in stage.kept] == [("interrupted", "it was killed"), ("passed", "")]
