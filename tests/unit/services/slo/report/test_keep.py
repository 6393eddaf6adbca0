"""Keeping reports: idempotent for a period, patient with what does not answer, silent before there is data."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.slo.kept_report import KINDS, KeptKind, KeptReport
from controlplane.domain.slo.report import AlertHistory, Report
from controlplane.domain.slo.report_period import ReportPeriod, named
from controlplane.services.slo.report.keep import KeepPolicy, ReportKeeper, kept
from tests.support.reports import AVAILABILITY, NOW, WrittenSamples, make_report, story

POLICY = KeepPolicy(("day",), "UTC", {kind: timedelta(days=30) for kind in KINDS})


class FakeStore:
    """A ReportStore in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptReport] = {}
        self.files: dict[tuple[str, str], bytes] = {}
        self.deleted: list[tuple[KeptKind, datetime]] = []

    async def entries(self) -> list[KeptReport]:
        return list(self.kept.values())

    async def save(self, entry: KeptReport, files: Mapping[str, bytes]) -> KeptReport:
        known = self.kept.get(entry.id)
        self.kept[entry.id] = dataclasses.replace(entry, revision=known.revision + 1 if known else 1)
        self.files |= {(entry.id, name): content for name, content in files.items()}
        return self.kept[entry.id]

    async def file(self, report_id: str, name: str) -> bytes | None:
        return self.files.get((report_id, name))

    async def delete_ended_before(self, kind: KeptKind, moment: datetime) -> int:
        self.deleted.append((kind, moment))
        return 0


class Desk:
    """A keeper over the written samples, with a clock that can be set."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.now = NOW
        self.samples: WrittenSamples = story()
        self.history = AlertHistory(())
        self.asked: list[str] = []
        self.keeper = ReportKeeper(self.store, self._make, self._files, POLICY, lambda: self.now)

    async def _make(self, period: ReportPeriod) -> Report:
        self.asked.append(period.name)
        return await make_report(AVAILABILITY, samples=self.samples, history=self.history, period=period)

    def _files(self, report: Report) -> dict[str, bytes]:
        return {"json": report.verdict.encode()}


async def test_the_last_day_is_made_once() -> None:
    desk = Desk()
    result = await desk.keeper.run()
    assert [(one.id, one.verdict, one.complete) for one in result.made] == [("day-2026-11-19", "met", True)]
    assert desk.store.files == {("day-2026-11-19", "json"): b"met"}
    assert (await desk.keeper.run()).made == ()
    assert desk.asked == ["2026-11-19"]


async def test_what_did_not_answer_is_asked_again_and_replaced() -> None:
    desk = Desk()
    desk.history = AlertHistory((), "no source of alerts answers")
    (first,) = (await desk.keeper.run()).made
    assert (first.complete, first.revision) == (False, 1)
    desk.history = AlertHistory(())
    (second,) = (await desk.keeper.run()).made
    assert (second.id, second.complete, second.revision) == (first.id, True, 2)
    assert (await desk.keeper.run()).made == ()


async def test_nothing_is_kept_before_anything_was_measured() -> None:
    desk = Desk()
    desk.samples = WrittenSamples({})
    result = await desk.keeper.run()
    assert (result.made, result.without_data) == ((), ("day-2026-11-19",))
    desk.samples = story()
    await desk.keeper.run()
    # Afterwards a day without data is one of which everything is unknown, and that is worth keeping.
    desk.samples = WrittenSamples({})
    desk.now = NOW + timedelta(days=1)
    (unknown,) = (await desk.keeper.run()).made
    assert (unknown.id, unknown.verdict) == ("day-2026-11-20", "not_enough_data")


async def test_old_reports_are_deleted_by_kind() -> None:
    desk = Desk()
    await desk.keeper.run()
    assert desk.store.deleted == [(kind, NOW - timedelta(days=30)) for kind in KINDS]


async def test_a_running_day_can_be_kept_and_is_made_again_when_it_is_over() -> None:
    desk = Desk()
    running = named("day", "2026-11-20", "UTC", NOW)
    entry = await desk.keeper.keep("day", running)
    assert (entry.id, entry.complete, entry.ends_at) == ("day-2026-11-20", False, NOW)
    desk.now = NOW + timedelta(days=1)
    assert [one.id for one in (await desk.keeper.run()).made] == ["day-2026-11-20"]


async def test_only_the_kind_that_was_asked_for() -> None:
    report = await make_report(AVAILABILITY, period=named("day", "2026-11-19", "UTC", NOW))
    with pytest.raises(ValueError, match="month"):
        kept(report, "month")
    assert kept(report, "day").starts_at == datetime(2026, 11, 19, tzinfo=UTC)
