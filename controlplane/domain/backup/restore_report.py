"""How a restore ended: what was reached, whether the rows are those of the set, RPO and RTO."""

from datetime import datetime

from controlplane.domain.backup.manifest import Manifest
from controlplane.domain.backup.restoring import RecoveredServer, RestorePlan, RestoreReport
from controlplane.domain.backup.target import RecoveryTarget


def build_report(
    restore_id: str,
    plan: RestorePlan,
    recovered: RecoveredServer | None,
    manifest: Manifest,
    down_since: datetime | None,
    rto_seconds: float,
    total_seconds: float,
) -> RestoreReport:
    """The report of a restore. ``down_since`` is when PostgreSQL began to stop, None when production went on."""
    last_commit = recovered.last_commit_at if recovered else None
    is_latest = plan.target == RecoveryTarget().words
    lost = max(0.0, (down_since - last_commit).total_seconds()) if down_since and last_commit and is_latest else None
    return RestoreReport(
        id=restore_id,
        set_id=plan.set_id,
        target=plan.target,
        timeline=recovered.timeline if recovered else None,
        reached_lsn=recovered.lsn if recovered else None,
        last_commit_at=last_commit,
        rpo_seconds=lost,
        rto_seconds=round(rto_seconds, 3),
        total_seconds=round(total_seconds, 3),
        counts=recovered.counts if recovered else {},
        counts_in_set={name: _count(manifest, name) for name in (recovered.counts if recovered else ())},
        replaced=restore_id,
        problems=_contradictions(manifest, recovered) if recovered else (),
    )


def _contradictions(manifest: Manifest, recovered: RecoveredServer) -> list[str]:
    """Recovery ended exactly where the set's rows were counted, and the rows are others."""
    return [
        f"{table}: {recovered.counts.get(table)} rows, {count} when the set was made"
        for table, count in (counts_at(manifest, recovered) or {}).items()
        if recovered.counts.get(table) != count
    ]


def counts_at(manifest: Manifest, recovered: RecoveredServer) -> dict[str, int | None] | None:
    """Rows when the set was made, if recovery ended exactly where they were counted; else None."""
    details = manifest.details("postgresql")
    if not details.get("counts_from_lsn") == details.get("counts_to_lsn") == recovered.lsn:
        return None
    return {name: _count(manifest, name) for name in recovered.counts}


def _count(manifest: Manifest, table: str) -> int | None:
    value = manifest.details("postgresql").get(table)
    return value if isinstance(value, int) else None


def as_event(report: RestoreReport, size_bytes: int) -> dict[str, object]:
    """What the history keeps of it; the size is that of the sets that were read."""
    return {
        "id": report.id,
        "set": report.set_id,
        "target": report.target,
        "size_bytes": size_bytes,
        "rpo_seconds": report.rpo_seconds,
        "rto_seconds": round(report.rto_seconds, 3),
        "total_seconds": round(report.total_seconds, 3),
        "vectors_missing": report.vectors_missing,
        "vectors_surplus": report.vectors_surplus,
    }
