"""Composition root of ``cmctl backup copy``."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from controlplane.adapters.backup.copy_local import CopyFiles, CopySets, CopyWal
from controlplane.adapters.backup.packing import Packing, new_identity, unpacker
from controlplane.adapters.backup.places.directory import DirectoryPlace
from controlplane.adapters.backup.places.paced import PacedPlace
from controlplane.adapters.backup.places.ssh import SshPlace
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.adapters.secret_reference import resolve
from controlplane.adapters.toolchain import postgresql_bin
from controlplane.adapters.unprivileged import runner
from controlplane.config.copies import CopyPlace
from controlplane.config.schema import Settings
from controlplane.errors import UsageProblem
from controlplane.services.backup.copy import Copier, Copies, CopyPruner, Fetcher
from controlplane.services.backup.copy_ports import Place
from controlplane.services.backup.ports import Progress
from controlplane.wiring.backup import catalogue, retention_policy

__all__ = ["copiers", "copies", "fetcher", "new_identity", "pruners"]


def copiers(settings: Settings, names: Sequence[str], progress: Progress) -> list[Copier]:
    """One for each place, or for those named. Raises UsageProblem, InvalidConfiguration."""
    return [
        Copier(
            _place(item),
            Packing(item.recipients),
            CopySets(catalogue(settings), progress),
            CopyFiles(),
            CopyWal(_archive(settings)),
            _now,
        )
        for item in _chosen(settings, names)
    ]


def copies(settings: Settings, names: Sequence[str]) -> list[Copies]:
    """What is in each place, or in those named. Raises UsageProblem."""
    return [Copies(_place(item)) for item in _chosen(settings, names)]


def pruners(settings: Settings, progress: Progress) -> list[CopyPruner]:
    """One for each place."""
    return [
        CopyPruner(_place(item), CopySets(catalogue(settings), progress), retention_policy(item.retention), _now)
        for item in settings.backup.copies
    ]


def fetcher(settings: Settings, name: str | None, identity: Path | None, progress: Progress) -> Fetcher:
    """Brings back from a place; without a name there has to be only one. Raises UsageProblem."""
    chosen = _chosen(settings, [name] if name else [])
    if len(chosen) > 1:
        raise UsageProblem("there are several places", hint=f"--from {' or '.join(item.name for item in chosen)}")
    return Fetcher(
        _place(chosen[0]),
        unpacker(identity),
        CopySets(catalogue(settings), progress),
        CopyFiles(),
        CopyWal(_archive(settings), _owner_of_wal(settings, progress)),
        _now,
    )


def _owner_of_wal(settings: Settings, progress: Progress) -> Callable[[Path], None]:
    """On an embedded stack it is the account of PostgreSQL; on a deployed host that of all that is there."""
    if settings.mode == "deployed":
        return lambda _: None
    return runner(postgresql_bin(), settings.backup_directory.parent, progress.note).own


def _chosen(settings: Settings, names: Sequence[str]) -> list[CopyPlace]:
    places = {item.name: item for item in settings.backup.copies}
    if not places:
        raise UsageProblem("no place for copies is configured", hint="name one in backup.copies; see docs/backup.md")
    if unknown := [name for name in names if name not in places]:
        raise UsageProblem(f"there is no place {unknown[0]!r} in backup.copies", hint=f"known: {', '.join(places)}")
    return [places[name] for name in names] or list(places.values())


def _place(item: CopyPlace) -> Place:
    rate = item.max_rate_mb * 1_000_000 if item.max_rate_mb else None
    if item.ssh is not None:  # sftp keeps to the rate itself
        kbit = max(1, round(rate * 8 / 1024)) if rate else None
        return SshPlace(item.name, item.ssh.host, item.ssh.path.rstrip("/"), item.ssh.config_file, kbit)
    place = _s3(item) if item.s3 is not None else DirectoryPlace(item.name, item.directory or Path())
    return PacedPlace(place, rate) if rate else place


def _s3(item: CopyPlace) -> Place:
    from controlplane.adapters.backup.places.s3 import S3Place, client

    if item.s3 is None:
        raise AssertionError(item)
    s3 = item.s3
    secret = resolve(s3.secret_access_key) if s3.secret_access_key else None
    return S3Place(item.name, s3.bucket, s3.prefix, client(s3.endpoint_url, s3.region, s3.access_key_id, secret))


def _archive(settings: Settings) -> WalArchive:
    return WalArchive(settings.backup_directory / "wal")


def _now() -> datetime:
    return datetime.now(UTC)
