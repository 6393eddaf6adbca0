"""Kept SLA reports in a real PostgreSQL: whole or not at all, one for each period."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.outbox import PostgresOutbox
from controlplane.adapters.store.slo_reports import PostgresReportStore
from controlplane.domain.notification.delivery import NewDelivery
from controlplane.domain.slo.kept_report import KeptReport
from controlplane.errors import CmctlError
from controlplane.services.notify.ports import DeliveryFilter

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MESSAGE = NewDelivery("team", "report", "SLA", "missed", "SLA", "P3", 0, [], NOON)
ENTRY = KeptReport("day-2026-11-20", "day", NOON - DAY, NOON, "missed", True, NOON)


async def test_a_report_comes_back_with_its_files(database: Database) -> None:
    store = PostgresReportStore(database)
    assert await store.save(ENTRY, {"json": b"{}", "zh.pdf": b"%PDF\x00\xff"}) == ENTRY
    assert await store.entries() == [ENTRY]
    assert await store.file(ENTRY.id, "zh.pdf") == b"%PDF\x00\xff"
    assert await store.file(ENTRY.id, "en.pdf") is None
    assert await store.file("day-2026-11-19", "json") is None


async def test_the_same_period_again_replaces_it_and_counts(database: Database) -> None:
    store = PostgresReportStore(database)
    await store.save(replace(ENTRY, complete=False), {"json": b"1", "en.md": b"old"})
    again = await store.save(replace(ENTRY, verdict="met"), {"json": b"2"})
    assert again == replace(ENTRY, verdict="met", revision=2)
    assert await store.entries() == [again]
    assert await store.file(ENTRY.id, "json") == b"2"
    assert await store.file(ENTRY.id, "en.md") is None


async def test_a_report_that_cannot_be_kept_whole_leaves_the_one_before(database: Database) -> None:
    store = PostgresReportStore(database)
    await store.save(ENTRY, {"json": b"1"})
    broken: Any = {"json": b"2", "en.md": None}
    with pytest.raises(CmctlError):
        await store.save(replace(ENTRY, verdict="met"), broken)
    assert await store.entries() == [ENTRY]
    assert await store.file(ENTRY.id, "json") == b"1"


async def test_a_report_is_sent_once_for_each_receiver_whatever_races(database: Database) -> None:
    store, outbox = PostgresReportStore(database), PostgresOutbox(database)
    sent = await asyncio.gather(*(store.send(ENTRY.id, MESSAGE, NOON, again=False) for _ in range(3)))
    assert sorted(sent) == [False, False, True]
    assert await store.sendings() == {(ENTRY.id, "team"): NOON}
    (delivery,) = await outbox.list_deliveries(DeliveryFilter())
    assert (delivery.kind, delivery.status, delivery.title) == ("report", "pending", "SLA")
    assert await store.send(ENTRY.id, MESSAGE, NOON + DAY, again=True)
    assert len(await outbox.list_deliveries(DeliveryFilter())) == 2
    broken = replace(MESSAGE, receiver="other", priority="P9")  # type: ignore[arg-type]
    with pytest.raises(CmctlError):
        await store.send(ENTRY.id, broken, NOON, again=False)
    assert (ENTRY.id, "other") not in await store.sendings()


async def test_reports_are_listed_newest_first_and_deleted_by_kind_and_age(database: Database) -> None:
    store = PostgresReportStore(database)
    older = replace(ENTRY, id="day-2026-11-19", starts_at=NOON - 2 * DAY, ends_at=NOON - DAY)
    week = replace(older, id="week-2026-W46", kind="week")
    for entry in (older, ENTRY, week):
        await store.save(entry, {"json": b"1"})
    assert [one.id for one in await store.entries()] == [ENTRY.id, older.id, week.id]
    assert await store.delete_ended_before("day", NOON) == 1
    assert [one.id for one in await store.entries()] == [ENTRY.id, week.id]
    assert await store.file(older.id, "json") is None
