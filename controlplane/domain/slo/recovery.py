"""What a report says of backups and drills: how fresh they were at the end of its period."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class BackupFact:
    """A complete recovery set: when it was finished, and what the latest verification found, if there was one."""

    id: str
    finished_at: datetime
    verified_at: datetime | None = None
    is_good: bool | None = None


@dataclass(frozen=True)
class DrillFact:
    """A restore drill that is over."""

    subject: str
    detail: str
    started_at: datetime
    ended_at: datetime
    has_succeeded: bool


@dataclass(frozen=True)
class RecoveryHistory:
    """Backups and drills as they are remembered now; a problem says why one of them is not known."""

    backups: tuple[BackupFact, ...] = ()
    drills: tuple[DrillFact, ...] = ()
    backup_problem: str | None = None
    drill_problem: str | None = None


@dataclass(frozen=True)
class RecoveryReport:
    """Backups and drills of a period, and the newest at its end, with their ages then.

    ``newest_backup`` is the newest that no verification found bad; ``newest_drill`` the newest that succeeded.
    """

    at: datetime
    backups: int
    bad_backups: int
    newest_backup: BackupFact | None
    newest_verified: BackupFact | None
    drills: int
    failed_drills: int
    newest_drill: DrillFact | None
    backup_problem: str | None
    drill_problem: str | None

    def age(self, moment: datetime) -> timedelta:
        """How old something was at the end of the period."""
        return self.at - moment


def recovery_report(history: RecoveryHistory, start: datetime, end: datetime) -> RecoveryReport:
    """What was there at ``end``, and what was made after ``start``."""
    backups = sorted((one for one in history.backups if one.finished_at <= end), key=lambda one: one.finished_at)
    drills = sorted((one for one in history.drills if one.ended_at <= end), key=lambda one: one.ended_at)
    made = [one for one in backups if one.finished_at > start]
    done = [one for one in drills if one.ended_at > start]
    good = [one for one in backups if one.is_good is not False]
    verified = [one for one in good if one.is_good and one.verified_at is not None and one.verified_at <= end]
    succeeded = [one for one in drills if one.has_succeeded]
    return RecoveryReport(
        at=end,
        backups=len(made),
        bad_backups=sum(one.is_good is False for one in made),
        newest_backup=good[-1] if good else None,
        newest_verified=verified[-1] if verified else None,
        drills=len(done),
        failed_drills=sum(not one.has_succeeded for one in done),
        newest_drill=succeeded[-1] if succeeded else None,
        backup_problem=history.backup_problem,
        drill_problem=history.drill_problem,
    )
