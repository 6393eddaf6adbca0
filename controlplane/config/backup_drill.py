"""Configuration of drills: restoring the newest set beside production."""

from pydantic import BaseModel, ConfigDict, Field


class BackupDrill(BaseModel):
    """Drills of restoring: ``cmctl backup drill``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schedule: str = Field("20 3 * * 0", description="When one is made: cron expression of five fields, in UTC.")
    max_age_days: float = Field(8, gt=0, description="The status is WARNING when none has passed for so long.")
    niceness: int = Field(10, ge=0, le=19, description="How far a drill stands back behind everything else (nice).")
    keep_free_percent: float = Field(
        10, ge=0, lt=100, description="A drill that would leave less of the disk free is not made."
    )
    rpo_objective_seconds: float = Field(10, gt=0, description="Alert when a drill would have lost more than this.")
    rto_objective_seconds: float = Field(300, gt=0, description="Alert when a drill took longer until it answered.")
