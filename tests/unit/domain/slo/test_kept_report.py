"""Which kept reports are due: those that are over, those that were missed, those that were incomplete."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.slo.kept_report import KINDS, KeptKind, KeptReport, due, kept_id, worth_sending

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def _kept(kind: KeptKind, name: str, ends_at: datetime, complete: bool = True) -> KeptReport:
    return KeptReport(kept_id(kind, name), kind, ends_at - DAY, ends_at, "met", complete, ends_at)


def _names(kind: KeptKind, known: Sequence[KeptReport] = (), now: datetime = NOW, zone: str = "UTC") -> list[str]:
    return [period.name for period in due(kind, known, zone, now)]


@pytest.mark.parametrize(("kind", "name"), [("day", "2026-11-20"), ("week", "2026-W46"), ("month", "2026-10")])
def test_the_first_report_is_of_the_last_unit(kind: KeptKind, name: str) -> None:
    assert _names(kind) == [name]
    (period,) = due(kind, [], "UTC", NOW)
    assert period.period.ahead_seconds == 0


def test_what_is_kept_is_not_due() -> None:
    assert _names("day", [_kept("day", "2026-11-20", datetime(2026, 11, 21, tzinfo=UTC))]) == []


def test_what_was_missed_is_filled_in_the_oldest_first() -> None:
    known = [_kept("day", "2026-11-17", datetime(2026, 11, 18, tzinfo=UTC))]
    assert _names("day", known) == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert len(_names("day", [_kept("day", "2020-01-01", datetime(2020, 1, 2, tzinfo=UTC))])) == 31


def test_other_kinds_do_not_count() -> None:
    assert _names("week", [_kept("day", "2026-11-20", datetime(2026, 11, 21, tzinfo=UTC))]) == ["2026-W46"]


def test_an_incomplete_one_is_made_again_for_two_days() -> None:
    ends_at = datetime(2026, 11, 21, tzinfo=UTC)
    known = [_kept("day", "2026-11-20", ends_at, complete=False)]
    assert _names("day", known) == ["2026-11-20"]
    assert _names("day", known, ends_at + 2 * DAY + timedelta(hours=1)) == ["2026-11-21", "2026-11-22"]


def test_a_day_is_over_at_midnight_of_its_zone() -> None:
    late = datetime(2026, 11, 21, 17, tzinfo=UTC)
    assert _names("day", now=late, zone="Asia/Shanghai") == ["2026-11-21"]
    (period,) = due("day", [], "Asia/Shanghai", late)
    assert period.period.start == datetime(2026, 11, 20, 16, tzinfo=UTC)
    assert (period.before.start, period.before.end) == (datetime(2026, 11, 19, 16, tzinfo=UTC), period.period.start)


def test_the_newest_of_each_kind_is_sent_and_an_incomplete_one_after_six_hours() -> None:
    old, new = (_kept("day", f"2026-11-{day}", datetime(2026, 11, day + 1, tzinfo=UTC)) for day in (19, 20))
    month = _kept("month", "2026-10", datetime(2026, 11, 1, tzinfo=UTC))
    assert worth_sending(KINDS, [new, old, month], NOW) == [new, month]
    assert worth_sending(("day",), [old, new, month], NOW) == [new]
    assert worth_sending(KINDS, [], NOW) == []
    partly = _kept("day", "2026-11-20", datetime(2026, 11, 21, tzinfo=UTC), complete=False)
    assert worth_sending(("day",), [old, partly], datetime(2026, 11, 21, 5, 59, tzinfo=UTC)) == []
    assert worth_sending(("day",), [old, partly], datetime(2026, 11, 21, 6, tzinfo=UTC)) == [partly]
