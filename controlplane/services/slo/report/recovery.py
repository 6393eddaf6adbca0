"""Backups and drills in a report: read from the catalogue and the action ledger, and put into words."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from controlplane.domain.action import Action
from controlplane.domain.backup.drill import ACTION_KIND
from controlplane.domain.backup.overview import SetView
from controlplane.domain.slo.recovery import BackupFact, DrillFact, RecoveryHistory, RecoveryReport
from controlplane.errors import CmctlError
from controlplane.services.actions import ActionFilter
from controlplane.services.slo.report.document import Block, Cell, Inline, Section, Table, plain
from controlplane.services.slo.report.formats import DASH, Formats

# A drill that is older says nothing any more.
REMEMBERED = timedelta(days=400)


class RecoveryReader(Protocol):
    """Where backups and drills of a report come from. Never raises: what is not known is said in the answer."""

    async def before(self, end: datetime) -> RecoveryHistory:
        """Backups and drills that were over by ``end``."""
        ...


class Sets(Protocol):
    """The recovery sets."""

    def sets(self) -> Sequence[SetView]:
        """Every set. Raises OSError."""
        ...


class Actions(Protocol):
    """The action ledger."""

    async def list_actions(self, wanted: ActionFilter) -> list[Action]:
        """Entries that began or ended in time, newest first. Raises DependencyUnreachable."""
        ...


class RecordedRecovery:
    """Implements RecoveryReader. ``sets`` is None where backups are not made by us, and so not known."""

    def __init__(self, sets: Sets | None, actions: Actions) -> None:
        self._sets = sets
        self._actions = actions

    async def before(self, end: datetime) -> RecoveryHistory:
        """Backups and drills that were over by ``end``."""
        backups, backup_problem = await self._backups()
        drills, drill_problem = await self._drills(end)
        return RecoveryHistory(backups, drills, backup_problem, drill_problem)

    async def _backups(self) -> tuple[tuple[BackupFact, ...], str | None]:
        if self._sets is None:
            return (), "PostgreSQL is on another host, and so are its backups"
        try:
            sets = await asyncio.to_thread(self._sets.sets)
        except (OSError, CmctlError) as error:
            return (), f"the backup directory cannot be read: {error}"
        return tuple(
            BackupFact(
                one.id,
                one.finished_at,
                one.verified_at,
                {"good": True, "bad": False, "never": None}[one.verified],
            )
            for one in sets
            if one.complete and one.finished_at is not None
        ), None

    async def _drills(self, end: datetime) -> tuple[tuple[DrillFact, ...], str | None]:
        try:
            actions = await self._actions.list_actions(ActionFilter(ACTION_KIND, end - REMEMBERED))
        except CmctlError as error:
            return (), error.message
        return tuple(
            DrillFact(one.subject, one.detail, one.at, one.until, one.outcome == "succeeded")
            for one in actions
            if one.until is not None
        ), None


def recovery_section(report: RecoveryReport | None, formats: Formats) -> list[Section]:
    """How fresh backups and drills were at the end of the period."""
    if report is None:
        return []
    say = formats.say
    headers = tuple(say(key) for key in ("recovery_what", "recovery_newest", "recovery_age", "recovery_count"))
    rows = (_backup(report, formats), _verified(report, formats), _drill(report, formats))
    table: Block = Table(say("recovery"), headers, rows, wide=1, note=say("recovery_note"))
    return [Section("backups", say("recovery"), (table,))]


def _backup(report: RecoveryReport, formats: Formats) -> tuple[Cell, ...]:
    say, newest = formats.say, report.newest_backup
    made = say("recovery_made", count=report.backups, bad=report.bad_backups)
    return _row("recovery_backup", report, (newest.id, newest.finished_at) if newest else None, made, formats)


def _verified(report: RecoveryReport, formats: Formats) -> tuple[Cell, ...]:
    newest = report.newest_verified
    return _row("recovery_verified", report, (newest.id, newest.finished_at) if newest else None, DASH, formats)


def _drill(report: RecoveryReport, formats: Formats) -> tuple[Cell, ...]:
    say, newest = formats.say, report.newest_drill
    done = say("recovery_drilled", count=report.drills, failed=report.failed_drills)
    return _row("recovery_drill", report, (newest.subject, newest.ended_at) if newest else None, done, formats)


def _row(
    key: str, report: RecoveryReport, newest: tuple[str, datetime] | None, count: str, formats: Formats
) -> tuple[Cell, ...]:
    say = formats.say
    problem = report.drill_problem if key == "recovery_drill" else report.backup_problem
    if problem is not None:
        why = (Inline(say("not_known"), kind="not_enough_data"), Inline(f"{say('colon')}{problem}"))
        return plain(say(key)), why, plain(DASH), plain(DASH)
    if newest is None:
        return plain(say(key)), plain(say("recovery_none"), "at_risk"), plain(DASH), plain(count)
    name, moment = newest
    age = formats.span(report.age(moment).total_seconds())
    return plain(say(key)), plain(f"{formats.moment(moment)} ({name})"), plain(age), plain(count)


def recovery_record(report: RecoveryReport | None) -> dict[str, Any] | None:
    """As the report's JSON has it."""
    if report is None:
        return None
    newest, verified, drill = report.newest_backup, report.newest_verified, report.newest_drill
    return {
        "at": report.at,
        "backups": {
            "problem": report.backup_problem,
            "made": report.backups,
            "bad": report.bad_backups,
            "newest": newest and newest.id,
            "newest_at": newest and newest.finished_at,
            "newest_age_seconds": newest and report.age(newest.finished_at).total_seconds(),
            "newest_verified": verified and verified.id,
            "newest_verified_at": verified and verified.finished_at,
        },
        "drills": {
            "problem": report.drill_problem,
            "done": report.drills,
            "failed": report.failed_drills,
            "newest": drill and drill.subject,
            "newest_at": drill and drill.ended_at,
            "newest_age_seconds": drill and report.age(drill.ended_at).total_seconds(),
            "newest_detail": drill and drill.detail,
        },
    }
