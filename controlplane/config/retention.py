"""How much to keep; used by ``backup.retention`` and by each place of ``backup.copies``."""

from pydantic import Field

from controlplane.config.section import Section


class Retention(Section):
    """Which sets ``backup prune`` keeps: those that any rule wants, what they build on, and always the newest."""

    last: int = Field(8, ge=1, description="So many newest sets.")
    within_days: float = Field(2, ge=0, description="Every set that is younger.")
    daily: int = Field(7, ge=0, description="The newest set of each of so many days (UTC).")
    weekly: int = Field(4, ge=0, description="The newest set of each of so many ISO weeks.")
    monthly: int = Field(6, ge=0, description="The newest set of each of so many months.")
    yearly: int = Field(0, ge=0, description="The newest set of each of so many years.")
