"""Backups and drills in a report, by hand: what was newest at the end of the period, and how old it was then."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from controlplane.domain.action import Action, ActionOutcome
from controlplane.domain.backup.overview import SetView
from controlplane.domain.slo.recovery import BackupFact, DrillFact, RecoveryHistory, recovery_report
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.actions import ActionFilter
from controlplane.services.slo.report.formats import Formats
from controlplane.services.slo.report.recovery import RecordedRecovery, recovery_record, recovery_section
from controlplane.services.slo.report.words import Language, Speaker
from tests.support.reports import END, START, at

HOUR = timedelta(hours=1)
BACKUPS = (
    BackupFact("before", at(-1), at(1), True),
    BackupFact("good", at(4), at(5), True),
    BackupFact("bad", at(9), at(9.5), False),
    BackupFact("unverified", at(8)),
    BackupFact("later", END + HOUR, END + HOUR, True),
)
DRILLS = (
    DrillFact("older", "", at(1), at(1) + HOUR, True),
    DrillFact("newest", "RTO 41 s", at(6), at(6) + HOUR, True),
    DrillFact("failed", "", at(7), at(7) + HOUR, False),
    DrillFact("long ago", "", at(-9), at(-9), True),
)


def test_what_was_newest_at_the_end() -> None:
    report = recovery_report(RecoveryHistory(BACKUPS, DRILLS), START, END)
    assert (report.backups, report.bad_backups) == (3, 1)
    assert report.newest_backup == BACKUPS[3]
    assert report.age(at(8)) == timedelta(days=2)
    assert report.newest_verified == BACKUPS[1]
    assert (report.drills, report.failed_drills, report.newest_drill) == (3, 1, DRILLS[1])


def test_a_verification_after_the_end_was_not_known_then() -> None:
    late = BackupFact("good", at(4), END + HOUR, True)
    assert recovery_report(RecoveryHistory((late,)), START, END).newest_verified is None


def formatted(history: RecoveryHistory, language: Language) -> str:
    (section,) = recovery_section(recovery_report(history, START, END), Formats(Speaker(language), "UTC"))
    return repr(section)


def test_in_words() -> None:
    text = formatted(RecoveryHistory(BACKUPS, DRILLS), "en")
    for words in ("2026-11-18 00:00:00 (unverified)", "2 d", "3 made, 1 found bad", "(newest)", "3 done, 1 failed"):
        assert words in text
    assert "成功的恢复演练" in formatted(RecoveryHistory(BACKUPS, DRILLS), "zh")


def test_none_and_not_known_are_different() -> None:
    assert formatted(RecoveryHistory(), "en").count("none is remembered") == 3
    text = formatted(RecoveryHistory(drill_problem="PostgreSQL is away"), "en")
    assert (text.count("none is remembered"), text.count("PostgreSQL is away")) == (2, 1)
    assert recovery_section(None, Formats(Speaker("en"), "UTC")) == []


def test_the_record() -> None:
    record = recovery_record(recovery_report(RecoveryHistory(BACKUPS, DRILLS), START, END))
    assert record is not None
    assert record["backups"] == {
        "problem": None,
        "made": 3,
        "bad": 1,
        "newest": "unverified",
        "newest_at": at(8),
        "newest_age_seconds": 2 * 86_400,
        "newest_verified": "good",
        "newest_verified_at": at(4),
    }
    assert (record["drills"]["newest"], record["drills"]["newest_detail"]) == ("newest", "RTO 41 s")
    assert recovery_record(None) is None


class Sets:
    def __init__(self, found: Sequence[SetView] | Exception) -> None:
        self.found = found

    def sets(self) -> Sequence[SetView]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class Ledger:
    def __init__(self, *outcomes: ActionOutcome, error: CmctlError | None = None) -> None:
        self.outcomes = outcomes
        self.error = error

    async def list_actions(self, wanted: ActionFilter) -> list[Action]:
        assert wanted.kind == "drill"
        if self.error:
            raise self.error
        return [
            Action(0, "drill", "ada", "set", "d", at(1), None if outcome == "running" else at(2), outcome)
            for outcome in self.outcomes
        ]


async def test_the_catalogue_and_the_ledger_tell() -> None:
    sets = [
        SetView("a", "/a", True, finished_at=at(1), verified="bad", verified_at=at(2)),
        SetView("b", "/b", True, finished_at=at(2)),
        SetView("half", "/half", False),
    ]
    history = await RecordedRecovery(Sets(sets), Ledger("succeeded", "failed", "running")).before(END)
    assert history.backups == (BackupFact("a", at(1), at(2), False), BackupFact("b", at(2), None, None))
    assert [one.has_succeeded for one in history.drills] == [True, False]
    assert (history.backup_problem, history.drill_problem) == (None, None)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), CmctlError("the catalogue is broken")])
async def test_what_cannot_be_read_is_not_known(error: Exception) -> None:
    history = await RecordedRecovery(Sets(error), Ledger(error=DependencyUnreachable("away"))).before(END)
    assert "cannot be read" in (history.backup_problem or "")
    assert history.drill_problem == "away"
    assert (await RecordedRecovery(None, Ledger()).before(END)).backup_problem is not None
