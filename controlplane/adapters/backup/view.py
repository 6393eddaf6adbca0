"""What is in the backup directory, as it is shown."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.adapters.backup.catalogue import Catalogue, StoredSet
from controlplane.adapters.backup.drill_records import DrillRecords
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.domain.backup.overview import Overview, SetView, WalView, newest_good, view_of
from controlplane.domain.backup.verification import Verification
from controlplane.domain.backup.wal import Segment, gaps


@dataclass(frozen=True)
class BackupFiles:
    """Reads the catalogue and the archive; a set's manifest is read once. ``copy_places`` are those configured."""

    catalogue: Catalogue
    archive: WalArchive
    copy_places: Sequence[str] = ()

    def sets(self) -> list[SetView]:
        """Every set, newest first."""
        verified = self.catalogue.verifications()
        return [_view(stored, verified.get(stored.id)) for stored in self.catalogue.stored()]

    def find(self, wanted: str) -> SetView:
        """One set, or the newest good one for ``latest``. Raises UsageProblem."""
        stored = self.catalogue.find(wanted)
        return _view(stored, self.catalogue.verifications().get(stored.id))

    def overview(self) -> Overview:
        """Everything at this moment."""
        folder = self.catalogue.folder
        usage = shutil.disk_usage(folder) if folder.is_dir() else None
        sets = self.sets()
        return Overview(
            sets=sets,
            wal=self._wal(),
            free_bytes=usage.free if usage else 0,
            total_bytes=usage.total if usage else 0,
            drills=DrillRecords(self.catalogue).reports(),
            copied=self._copied(sets),
        )

    def _copied(self, sets: Sequence[SetView]) -> dict[str, SetView | None]:
        told = self.catalogue.history() if self.copy_places else []
        there = {(line["place"], line["id"]) for line in told if line["event"] == "copied"}
        return {place: newest_good([item for item in sets if (place, item.id) in there]) for place in self.copy_places}

    def _wal(self) -> WalView:
        lives = self.archive.lives()
        files = [path for life in lives for path in life.folder.iterdir() if Segment.parse(path.name)]
        sizes = [path.stat().st_blocks * 512 for path in files if path.exists()]
        times = [moment for life in lives if (moment := life.newest_at())]
        since = min((life.started_at for life in lives), default=None)
        missing = sum(len(gaps(life.segments())) for life in lives)
        return WalView(len(lives), len(files), sum(sizes), max(times, default=None), missing, since)


def _view(stored: StoredSet, verification: Verification | None) -> SetView:
    if stored.manifest is None:
        return SetView(stored.id, str(stored.path), False, problem=stored.problem)
    return view_of(stored.manifest, str(stored.path), verification)
