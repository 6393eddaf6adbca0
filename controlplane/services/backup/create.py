"""Make one recovery set: all of it, or nothing that looks like one."""

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from controlplane.domain.backup.manifest import Manifest, Part, PartName
from controlplane.domain.backup.plan import SetPlan, plan_set
from controlplane.errors import CmctlError
from controlplane.services.backup.ports import (
    ConfigurationSource,
    Details,
    PhysicalSource,
    Progress,
    SetStore,
    Source,
    VectorSource,
)

# What a restore compares; sessions and memories are the truth, alerts stand for the control plane's own store.
MEMORY_TABLES = ("sessions", "memories")
CONTROLPLANE_TABLES = ("alerts", "job_runs")
# Beside the data themselves: WAL made meanwhile, and room for the file system.
SPARE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class BackupMaker:
    """Joins the sources of a set. ``made_by`` names programs and versions for the manifest."""

    store: SetStore
    source: Source
    physical: PhysicalSource
    vectors: VectorSource
    configuration: ConfigurationSource
    databases: tuple[str, str]
    full_every: timedelta
    made_by: Mapping[str, str]
    clock: Callable[[], datetime]
    free_bytes: Callable[[], int]

    def make(self, wants_full: bool, progress: Progress) -> Manifest:
        """Make a set and return its manifest. Raises CmctlError; then nothing is left of it."""
        self.store.create()
        with self.store.locked("cmctl backup create"):
            for name in self.store.sweep():
                progress.note(f"deleted what an interrupted run left: {name}")
            created_at = self.clock()
            server = self.source.identity()
            plan = plan_set(self.store.good(), server, created_at, self.full_every, wants_full)
            self._require_space(plan)
            work = self.store.begin(created_at)
            try:
                manifest = self._fill(work, plan, server.version, created_at, progress)
                self.store.commit(work, manifest)
            except BaseException:
                self.store.discard(work)
                raise
            self.store.record("created", manifest.finished_at, {"id": manifest.id, "kind": manifest.kind})
        return manifest

    def _require_space(self, plan: SetPlan) -> None:
        needed = SPARE_BYTES + (self.source.size_bytes() if plan.kind == "full" else 0)
        if (free := self.free_bytes()) < needed:
            raise CmctlError(
                f"the backup directory has {free // 1_000_000} MB free, a set may need {needed // 1_000_000} MB",
                hint="free some space, or delete old sets with: cmctl backup prune",
            )

    def _fill(self, work: Path, plan: SetPlan, version: int, created_at: datetime, progress: Progress) -> Manifest:
        progress.stage(f"PostgreSQL, {plan.kind} ({plan.reason}), and vectors")
        with ThreadPoolExecutor(1, thread_name_prefix="vectors") as other:
            copying = other.submit(self._vectors, work)
            plan, physical = self._physical(work / "postgresql", plan, progress)
            counted = self._counts()
            physical_at = self.clock()
            shared, vectors, vectors_at = copying.result()
        progress.stage("configuration")
        configuration, configuration_at = self.configuration.take(work / "configuration"), self.clock()
        progress.stage("hashing")
        parts = (
            self._part(work, "postgresql", physical_at, {"server_version": version, **physical, **counted}, progress),
            replace(shared, taken_at=vectors_at)
            if shared
            else self._part(work, "vectors", vectors_at, vectors, progress),
            self._part(work, "configuration", configuration_at, configuration, progress),
        )
        return Manifest(
            id=self.store.id_of(work),
            kind=plan.kind,
            parent_id=plan.parent_id,
            created_at=created_at,
            finished_at=self.clock(),
            parts=parts,
            made_by=self.made_by,
        )

    def _physical(self, target: Path, plan: SetPlan, progress: Progress) -> tuple[SetPlan, Details]:
        """An incremental backup that PostgreSQL cannot make (its WAL summaries lag or are gone) becomes a full one."""
        parent = self.store.path(plan.parent_id) / "postgresql" if plan.parent_id else None
        try:
            return plan, self.physical.take(target, parent, progress.advance)
        except CmctlError as error:
            if parent is None:
                raise
            progress.note(f"{error.message}; making a full set instead")
            shutil.rmtree(target, ignore_errors=True)
            plan = SetPlan("full", None, "an incremental one could not be made")
            self._require_space(plan)
            return plan, self.physical.take(target, None, progress.advance)

    def _vectors(self, work: Path) -> tuple[Part | None, Details, datetime]:
        """The part of the newest good set as long as nothing was written since, else what they are now."""
        newest = next(iter(self.store.good()), None)
        part = newest.part("vectors") if newest else None
        revision = part.details.get("revision") if part else None
        told = self.vectors.take(work / "vectors", revision if isinstance(revision, str) else None)
        now = self.clock()
        if told is not None or newest is None or part is None:
            return None, told or {}, now
        self.store.share(newest.id, "vectors", work)
        return part, {}, now

    def _counts(self) -> Details:
        memory, controlplane = self.databases
        counted = self.source.counts(memory, MEMORY_TABLES)
        own = self.source.counts(controlplane, CONTROLPLANE_TABLES)
        return {**counted, **{table: own[table] for table in CONTROLPLANE_TABLES}}

    def _part(self, work: Path, name: PartName, taken_at: datetime, details: Details, progress: Progress) -> Part:
        done = 0

        def advance(size: int) -> None:
            nonlocal done
            done += size
            progress.advance(done, done)

        files = self.store.entries(work, work / name, advance)
        return Part(name, taken_at, files, details)
