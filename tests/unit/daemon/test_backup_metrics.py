"""Metrics of backups and drills: a time or a measure that there is not has no series."""

from datetime import UTC, datetime, timedelta

from prometheus_client.core import Metric

from controlplane.daemon.backup_metrics import backup_metrics
from controlplane.domain.backup.drill import DrillOutcome, DrillReport
from controlplane.domain.backup.limits import BackupLimits
from controlplane.domain.backup.overview import Overview, PartView, SetView, WalView

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LIMITS = BackupLimits(timedelta(hours=12), timedelta(days=9), rpo_seconds=60, rto_seconds=300)
MIB = 1024 * 1024


def full_set(days_old: int, size_bytes: int) -> SetView:
    at = NOW - timedelta(days=days_old)
    part = PartView("postgresql", at, size_bytes, 1, {})
    return SetView(
        f"set-{days_old}",
        "/b",
        complete=True,
        kind="full",
        created_at=at,
        finished_at=at,
        parts=(part,),
        verified_at=at + timedelta(hours=1),
        verified="good",
    )


def drill(outcome: DrillOutcome, at: datetime, rto_seconds: float | None) -> DrillReport:
    return DrillReport("d", "set-1", at, at, outcome, rpo_seconds=2.5, rto_seconds=rto_seconds)


def values(overview: Overview | None) -> dict[str, float]:
    """The value of each series by its name; of several with labels, the last."""
    families: list[Metric] = list(backup_metrics(overview, LIMITS))
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_without_sets_and_drills_there_is_nothing_to_be_overdue() -> None:
    found = values(Overview())
    assert found["cmctl_backup_directory_readable"] == 1
    assert not {name for name in found if "drill" in name or name.endswith("_timestamp_seconds") or "usual" in name}


def test_sets_alone_make_a_drill_due() -> None:
    found = values(Overview([full_set(1, 200 * MIB), full_set(2, 100 * MIB), full_set(3, 100 * MIB)]))
    assert found["cmctl_backup_size_to_usual"] == 2
    assert found["cmctl_backup_last_success_timestamp_seconds"] == (NOW - timedelta(days=1)).timestamp()
    assert found["cmctl_backup_last_verified_timestamp_seconds"] == (NOW - timedelta(hours=23)).timestamp()
    assert found["cmctl_backup_due_timestamp_seconds"] == (NOW - timedelta(hours=12)).timestamp()
    assert found["cmctl_backup_drill_due_timestamp_seconds"] == (NOW + timedelta(days=6)).timestamp()
    assert "cmctl_backup_drill_last_passed" not in found


def test_a_failed_drill_keeps_the_measures_of_the_last_that_passed() -> None:
    earlier = NOW - timedelta(days=2)
    drills = [drill("failed", NOW, None), drill("passed", earlier, 21.0)]
    found = values(Overview([full_set(3, 100 * MIB)], WalView(gaps=1), drills=drills))
    assert found["cmctl_backup_drill_last_passed"] == 0
    assert found["cmctl_backup_drill_last_success_timestamp_seconds"] == earlier.timestamp()
    assert (found["cmctl_backup_drill_rpo_seconds"], found["cmctl_backup_drill_rto_seconds"]) == (2.5, 21.0)
    assert found["cmctl_backup_wal_gaps"] == 1


def test_a_place_of_copies_has_the_time_of_the_newest_set_there_and_0_without_one() -> None:
    sets = [full_set(1, MIB), full_set(2, MIB)]
    (family,) = [
        family
        for family in backup_metrics(Overview(sets, copied={"disk": sets[1], "bucket": None}), LIMITS)
        if family.name == "cmctl_backup_copied_timestamp_seconds"
    ]
    told = {sample.labels["place"]: sample.value for sample in family.samples}
    assert told == {"disk": (NOW - timedelta(days=2)).timestamp(), "bucket": 0}


def test_a_directory_that_cannot_be_read_says_only_that() -> None:
    assert values(None) == {"cmctl_backup_directory_readable": 0}
