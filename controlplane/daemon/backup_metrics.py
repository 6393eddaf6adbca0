"""Metrics of recovery sets and the WAL archive."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from controlplane.daemon.drill_metrics import drill_metrics
from controlplane.domain.backup.limits import BackupLimits
from controlplane.domain.backup.overview import Overview


def backup_metrics(overview: Overview | None, limits: BackupLimits) -> Iterable[Metric]:
    """Every family; nothing but ``cmctl_backup_directory_readable`` while the directory cannot be read."""
    readable = float(overview is not None)
    yield GaugeMetricFamily("cmctl_backup_directory_readable", "1 while the backups can be looked at.", readable)
    if overview is None:
        return
    counts = GaugeMetricFamily("cmctl_backup_sets", "Recovery sets, by whether they are complete.", labels=["complete"])
    for complete in (True, False):
        counts.add_metric([str(complete).lower()], sum(item.complete is complete for item in overview.sets))
    yield counts
    verified = GaugeMetricFamily("cmctl_backup_verified_sets", "Complete sets by verification.", labels=["result"])
    for result in ("good", "bad", "never"):
        verified.add_metric([result], sum(item.complete and item.verified == result for item in overview.sets))
    yield verified
    times = [item.verified_at for item in overview.sets if item.verified_at]
    if times:
        moment = max(times).timestamp()
        name = "cmctl_backup_last_verified_timestamp_seconds"
        yield GaugeMetricFamily(name, "When a set was last verified, Unix time.", moment)
    free = overview.free_bytes
    yield GaugeMetricFamily("cmctl_backup_directory_free_bytes", "Free space where the sets are.", free)
    size = overview.total_bytes
    yield GaugeMetricFamily("cmctl_backup_directory_size_bytes", "Size of the file system that the sets are on.", size)
    total = sum(item.size_bytes for item in overview.sets)
    yield GaugeMetricFamily("cmctl_backup_sets_size_bytes", "Size of all sets.", total)
    yield from _of_wal(overview)
    yield from _of_newest(overview)
    yield from _of_copies(overview)
    yield from drill_metrics(overview, limits)


def _of_wal(overview: Overview) -> Iterable[Metric]:
    wal = overview.wal
    yield GaugeMetricFamily("cmctl_backup_wal_size_bytes", "Space that the WAL archive takes.", wal.size_bytes)
    yield GaugeMetricFamily("cmctl_backup_wal_segments", "Files of the WAL archive.", wal.segments)
    yield GaugeMetricFamily("cmctl_backup_wal_gaps", "Places in the WAL archive at which files are missing.", wal.gaps)
    if wal.newest_at is not None:
        moment = wal.newest_at.timestamp()
        name = "cmctl_backup_wal_last_received_timestamp_seconds"
        yield GaugeMetricFamily(name, "When WAL last came into the archive, Unix time.", moment)


def _of_newest(overview: Overview) -> Iterable[Metric]:
    newest = overview.newest
    if newest is None or newest.finished_at is None or newest.created_at is None:
        return
    finished, seconds = newest.finished_at.timestamp(), (newest.finished_at - newest.created_at).total_seconds()
    name = "cmctl_backup_last_success_timestamp_seconds"
    yield GaugeMetricFamily(name, "When the newest complete set was finished, Unix time.", finished)
    yield GaugeMetricFamily("cmctl_backup_last_duration_seconds", "How long making it took.", seconds)
    sizes = GaugeMetricFamily("cmctl_backup_last_size_bytes", "Size of the newest set.", labels=["part", "kind"])
    for part in newest.parts:
        sizes.add_metric([part.name, newest.kind or ""], part.size_bytes)
    yield sizes


def _of_copies(overview: Overview) -> Iterable[Metric]:
    """In step with ``cmctl_backup_last_success_timestamp_seconds`` while the newest set is at every place."""
    text = "When the newest set that was copied to this place was finished, Unix time; 0 without one."
    times = GaugeMetricFamily("cmctl_backup_copied_timestamp_seconds", text, labels=["place"])
    for place, newest in overview.copied.items():
        times.add_metric([place], newest.finished_at.timestamp() if newest and newest.finished_at else 0)
    yield times
