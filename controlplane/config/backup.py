"""The section ``backup`` of ``cmctl.yml``: recovery sets, WAL, drills, copies."""

from pathlib import Path

from pydantic import Field, model_validator

from controlplane.config.copies import CopyPlace
from controlplane.config.retention import Retention
from controlplane.config.section import Seconds, Section


class BackupDrill(Section):
    """Drills of restoring: ``cmctl backup drill``."""

    schedule: str = Field("20 3 * * 0", description="When one is made: cron expression of five fields, in UTC.")
    max_age_days: float = Field(8, gt=0, description="The status is WARNING when none has passed for so long.")
    niceness: int = Field(10, ge=0, le=19, description="How far a drill stands back behind everything else (nice).")
    keep_free_percent: float = Field(
        10, ge=0, lt=100, description="A drill that would leave less of the disk free is not made."
    )
    rpo_objective_seconds: float = Field(10, gt=0, description="Alert when a drill would have lost more than this.")
    rto_objective_seconds: float = Field(300, gt=0, description="Alert when a drill took longer until it answered.")


class Backup(Section):
    """Recovery sets and the WAL archive."""

    directory: Path | None = Field(
        None, description="Where sets and WAL go; default: backups/ in the data directory. Another disk is better."
    )
    schedule: str = Field("0 */6 * * *", description="When a set is made: cron expression of five fields, in UTC.")
    full_every_days: float = Field(7, gt=0, description="Incremental sets build on a full one for so long.")
    max_rate_mb: int | None = Field(
        None, ge=1, le=1024, description="Upper bound of what a backup reads from PostgreSQL, MB a second."
    )
    niceness: int = Field(
        10, ge=0, le=19, description="How far making a set stands back behind everything else (nice)."
    )
    max_slot_wal_keep_size_mb: int = Field(
        4096,
        ge=64,
        description="So much WAL PostgreSQL keeps for an archive that does not take it; then the archive starts anew.",
    )
    verify_schedule: str = Field("45 4 * * *", description="When sets are verified that are due for it.")
    verify_again_days: float = Field(30, gt=0, description="A set that was found good is read again after so long.")
    prune_schedule: str = Field("30 5 * * *", description="When sets that no rule wants any more are deleted.")
    max_age_hours: float = Field(26, gt=0, description="The status is WARNING when the newest set is older.")
    timeout_seconds: Seconds = Field(6 * 3600, description="A scheduled backup that takes longer is ended.")
    retention: Retention = Retention()
    drill: BackupDrill = BackupDrill()
    copies: list[CopyPlace] = Field(default_factory=list, description="Other places that sets and WAL are brought to.")
    copy_schedule: str = Field(
        "20,50 * * * *", description="When sets and finished WAL are brought there; sets also at once when made."
    )

    @model_validator(mode="after")
    def _places_differ(self) -> "Backup":
        names = [place.name for place in self.copies]
        if len(set(names)) != len(names):
            raise ValueError("two copies have one name")
        return self
