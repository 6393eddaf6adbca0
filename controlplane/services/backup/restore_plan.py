"""What restoring would do: which set, from it on what is replayed, what stops, what is replaced, how long it takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.domain.backup.drill import estimated_seconds
from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.plan import chain
from controlplane.domain.backup.restoring import RestorePart, RestorePlan
from controlplane.domain.backup.target import Lsn, RecoveryTarget, RestorePoint, choose
from controlplane.errors import CmctlError, UsageProblem
from controlplane.services.backup.restore_ports import Components, Sets


@dataclass(frozen=True)
class Wish:
    """What somebody wants restored."""

    set_id: str
    target: RecoveryTarget
    timeline: str
    parts: Sequence[RestorePart]


# What is stopped for each part.
STOPPED_FOR: Mapping[RestorePart, Sequence[str]] = {
    "postgresql": ("controlplane", "mcp_server", "postgresql", "wal_receiver"),
    "vectors": ("mcp_server",),
    "configuration": (),
}
SPARE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class RestorePlanner:
    """``name`` is what people type to confirm; ``places`` says which data each part replaces."""

    sets: Sets
    components: Components
    name: str
    places: Mapping[RestorePart, str]
    clock: Callable[[], datetime]

    def plan(self, wish: Wish) -> RestorePlan:
        """What restoring would do. Raises UsageProblem, Refused, CmctlError; nothing is changed."""
        manifests = self.sets.complete()
        manifest = self._choose(manifests, wish)
        if "postgresql" in wish.parts:
            self.sets.require_version(manifest)
        needed = _chain(manifests, manifest)
        size = sum(item.size_bytes for item in needed)
        running = self.components.running()
        stops = [name for part in wish.parts for name in STOPPED_FOR[part] if name in running]
        return RestorePlan(
            set_id=manifest.id,
            chain=[item.id for item in needed],
            parts=wish.parts,
            target=wish.target.words,
            timeline=wish.timeline,
            into="in place",
            replaces=[self.places[part] for part in wish.parts],
            stops=list(dict.fromkeys(stops)),
            lost_after=wish.target.words if "postgresql" in wish.parts else "nothing of PostgreSQL",
            usual_seconds=estimated_seconds(self.sets.past(), size),
            needed_bytes=size * 2 + SPARE_BYTES,
            confirm_name=self.name,
        )

    def _choose(self, manifests: Sequence[Manifest], wish: Wish) -> Manifest:
        bad = {set_id for set_id, found in self.sets.verifications().items() if not found.is_good}
        if wish.set_id != "latest":
            manifest = next((item for item in manifests if item.id == wish.set_id), None)
            if manifest is None:
                raise UsageProblem(f"there is no complete set {wish.set_id!r}", hint="list them: cmctl backup list")
            candidates = [manifest]
        else:
            candidates = [item for item in manifests if not any(part.id in bad for part in _chain(manifests, item))]
        return self._reaching(candidates, wish)

    def _reaching(self, candidates: Sequence[Manifest], wish: Wish) -> Manifest:
        points = [_point(item) for item in candidates]
        systems = {str(item.details("postgresql").get("system_identifier")) for item in candidates[:1]}
        ends = [end for system in systems if (end := self.sets.archive_end(system)) is not None]
        archive_end = max([*ends, *(point.end_lsn for point in points)], default=Lsn(0))
        try:
            chosen = choose(points, wish.target, self.clock(), archive_end)
        except ValueError as error:
            raise UsageProblem(str(error), hint="list the sets with: cmctl backup list") from error
        return next(item for item in candidates if item.id == chosen.set_id)


def _chain(manifests: Sequence[Manifest], manifest: Manifest) -> list[Manifest]:
    try:
        return chain(manifests, manifest.id)
    except ValueError as error:
        raise CmctlError(str(error), hint="choose another set: cmctl backup list") from error


def _point(manifest: Manifest) -> RestorePoint:
    details = manifest.details("postgresql")
    end, timeline = Lsn.parse(str(details["end_lsn"])), int(str(details["timeline"]))
    return RestorePoint(manifest.id, manifest.taken_at("postgresql"), end, timeline)
