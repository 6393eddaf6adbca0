"""Verify sets: every byte is what was written, PostgreSQL's own check agrees, WAL goes on without a gap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.plan import chain
from controlplane.domain.backup.verification import Verification, due
from controlplane.errors import UsageProblem
from controlplane.services.backup.ports import Progress


class VerificationStore(Protocol):
    """The sets and what was found about them."""

    def complete(self) -> list[Manifest]:
        """Manifests of the complete sets, newest first."""
        ...

    def path(self, set_id: str) -> Path:
        """Folder of a set."""
        ...

    def verifications(self) -> dict[str, Verification]:
        """The latest verification of each set."""
        ...

    def keep_verification(self, verification: Verification) -> None:
        """Keep it, in place of an earlier one."""
        ...


class Check(Protocol):
    """One kind of check. It returns problems and notes, and raises CmctlError when it cannot be done."""

    def __call__(self, folder: Path, manifest: Manifest, progress: Progress) -> tuple[Sequence[str], Sequence[str]]:
        """Look at the set in ``folder``."""
        ...


@dataclass(frozen=True)
class Verifier:
    """``checks`` are made in order; after the first that finds problems the others are left out."""

    store: VerificationStore
    checks: Sequence[Check]
    again_after: timedelta
    clock: Callable[[], datetime]

    def due(self) -> list[str]:
        """Ids of the sets to verify now, newest first."""
        ids = [manifest.id for manifest in self.store.complete()]
        return due(ids, self.store.verifications(), self.clock(), self.again_after)

    def verify(self, set_id: str, progress: Progress) -> Verification:
        """Verify one set and keep the outcome. Raises UsageProblem for an unknown one, CmctlError."""
        manifests = self.store.complete()
        manifest = next((item for item in manifests if item.id == set_id), None)
        if manifest is None:
            raise UsageProblem(f"there is no complete set {set_id!r}", hint="list them with: cmctl backup list")
        began = self.clock()
        progress.stage(f"verifying {set_id}")
        problems, notes = self._look(manifests, manifest, progress)
        verification = Verification(
            set_id,
            self.clock(),
            sum(len(part.files) for part in manifest.parts),
            manifest.size_bytes,
            (self.clock() - began).total_seconds(),
            problems,
            notes,
        )
        self.store.keep_verification(verification)
        return verification

    def _look(
        self, manifests: Sequence[Manifest], manifest: Manifest, progress: Progress
    ) -> tuple[list[str], list[str]]:
        notes: list[str] = []
        try:
            chain(manifests, manifest.id)
        except ValueError as error:
            return [str(error)], notes
        for check in self.checks:
            problems, told = check(self.store.path(manifest.id), manifest, progress)
            notes += told
            if problems:
                return list(problems), notes
        return [], notes
