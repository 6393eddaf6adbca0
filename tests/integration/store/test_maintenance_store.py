"""Maintenance and the action ledger in a real PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.adapters.store.actions import PostgresActionLedger
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.maintenance import PostgresMaintenanceStore
from controlplane.domain.action import Action
from controlplane.domain.maintenance import Maintenance
from controlplane.domain.slo.selector import Matcher
from controlplane.services.actions import ActionFilter, doing
from controlplane.services.maintenance import WorkEnding

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MATCHERS = (Matcher("instance", "=~", 'a"|\\d'),)
ENTRY = Maintenance(
    0, "k", "ada", "磁盘", ("api", "web"), MATCHERS, NOON, NOON + HOUR, "FREQ=DAILY", "Asia/Shanghai", NOON
)
ACTION = Action(0, "maintenance", "ada", "api", "entered: 磁盘", NOON, NOON, "succeeded")


async def test_an_entry_comes_back_as_it_went_in(database: Database) -> None:
    store = PostgresMaintenanceStore(database)
    stored = await store.add(ENTRY, [ACTION])
    assert stored == replace(ENTRY, id=stored.id)
    assert await store.all() == [stored]
    assert await store.find(stored.id) == stored
    assert await store.find(stored.id + 1) is None


async def test_the_same_key_is_one_entry_and_one_action(database: Database) -> None:
    store = PostgresMaintenanceStore(database)
    stored = await asyncio.gather(*(store.add(ENTRY, [ACTION]) for _ in range(3)))
    assert len({one.id for one in stored}) == 1
    assert len(await PostgresActionLedger(database).list_actions(ActionFilter())) == 1


async def test_an_entry_is_ended_once(database: Database) -> None:
    store = PostgresMaintenanceStore(database)
    stored = await store.add(ENTRY, [ACTION])
    ended = replace(stored, ended_at=NOON, ended_by="bob")
    assert await store.end(ended, ACTION, WorkEnding())
    assert not await store.end(replace(ended, ended_by="eve"), ACTION, WorkEnding())
    assert await store.find(stored.id) == ended
    assert await store.end(replace(ended, withdrawn=True), ACTION, WorkEnding())
    assert not await store.end(replace(ended, withdrawn=True), ACTION, WorkEnding())


async def test_the_ledger_lists_what_ran_in_time_newest_first(database: Database) -> None:
    ledger = PostgresActionLedger(database)
    old = await ledger.record(replace(ACTION, at=NOON - HOUR, until=NOON - HOUR))
    running = await ledger.record(replace(ACTION, kind="deploy", at=NOON - HOUR, until=None, outcome="running"))
    new = await ledger.record(ACTION)
    assert await ledger.list_actions(ActionFilter()) == [new, running, old]
    assert await ledger.list_actions(ActionFilter(since=NOON)) == [new, running]
    assert await ledger.list_actions(ActionFilter(kind="deploy")) == [running]
    assert await ledger.list_actions(ActionFilter(limit=1)) == [new]


async def test_doing_something_is_in_the_ledger_before_and_after(database: Database) -> None:
    ledger = PostgresActionLedger(database)

    async def listed() -> list[tuple[str, str, bool]]:
        return [(one.outcome, one.detail, one.until is None) for one in await ledger.list_actions(ActionFilter())]

    def clock() -> datetime:
        return NOON

    async with doing(ledger, clock, "restore", "ada", "backup 7") as running:
        assert await listed() == [("running", "", True)]
        running.detail = "3 parts"
    assert await listed() == [("succeeded", "3 parts", False)]
    with pytest.raises(ValueError, match="oops"):
        async with doing(ledger, clock, "restore", "ada", "backup 7"):
            raise ValueError("oops")
    assert (await listed())[0] == ("failed", "ValueError: oops", False)
