"""Incidents in a real PostgreSQL: numbers without gaps, each alert in one of them, whatever happens at once."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from controlplane.adapters.store.acks import PostgresAcks
from controlplane.adapters.store.actions import PostgresActionLedger
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.incidents import MOST_ALERTS, PostgresIncidents
from controlplane.domain.action import Action
from controlplane.domain.alert import Alert, AlertFilter
from controlplane.domain.incident import TimelineEntry
from controlplane.domain.silence import Silence
from controlplane.domain.slo.selector import Matcher
from controlplane.errors import DependencyUnreachable, Refused, UsageProblem
from controlplane.services.actions import ActionFilter
from controlplane.services.incidents.desk import IncidentDesk
from controlplane.services.incidents.keeper import IncidentKeeper
from controlplane.services.incidents.ports import IncidentFilter, NewIncident, Placed
from tests.integration.store.conftest import address_of
from tests.integration.store.test_alert_store import NOW, Feed, alert

WINDOW = timedelta(hours=1)
PROFILE = "claude_memory"


def urgent(fingerprint: str, service: str = "db", start_minutes: int = 0, **fields: Any) -> Alert:
    values = {"priority": "P0", "severity": "critical", "labels": {"alertname": "X", "service": service}, **fields}
    return alert(fingerprint, start_minutes=start_minutes, **values)


async def look(store: PostgresIncidents, minutes: float = 0) -> Placed:
    return await store.look(NOW + timedelta(minutes=minutes), PROFILE, WINDOW)


async def numbers(store: PostgresIncidents) -> list[str]:
    return sorted(one.number for one in await store.list_incidents(IncidentFilter()))


@dataclasses.dataclass
class StubSilences:
    """Stands in for Alertmanager."""

    known: list[Silence] = dataclasses.field(default_factory=list)
    error: Exception | None = None

    async def silences(self) -> list[Silence]:
        if self.error:
            raise self.error
        return self.known


@dataclasses.dataclass
class Clock:
    """Time that tests move."""

    minutes: float = 0

    def __call__(self) -> Any:
        return NOW + timedelta(minutes=self.minutes)


def desk_of(store: PostgresIncidents, clock: Clock, silences: StubSilences | None = None) -> IncidentDesk:
    return IncidentDesk(store, silences or StubSilences(), PROFILE, clock)


async def test_an_urgent_alert_opens_one_incident_however_often_it_is_looked_at_and_told(database: Database) -> None:
    store, feed = PostgresIncidents(database), Feed(database)
    await feed.move([urgent("a"), alert("p2")])
    assert (await look(store)).opened == ["INC-20250707-001"]
    assert await look(store) == Placed()
    await feed.move([urgent("a", received_minutes=1)])
    assert await look(store) == Placed()
    (one,) = await store.list_incidents(IncidentFilter())
    assert (one.state, one.priority, one.firing, one.alert_count, one.began_at) == ("open", "P0", True, 1, NOW)
    (listed,) = [found for found in await feed.store.list_alerts(AlertFilter()) if found.fingerprint == "a"]
    assert listed.incident == one.number


async def test_related_alerts_join_and_others_do_not(database: Database) -> None:
    store, feed = PostgresIncidents(database), Feed(database)
    related = {"alertname": "X", "service": "db"}
    await feed.move([urgent("a"), urgent("b", start_minutes=5), alert("c", start_minutes=6, labels=related)])
    await feed.move(
        [alert("d", labels={"alertname": "X", "service": "web"}), alert("old", start_minutes=-200, labels=related)]
    )
    await look(store, 7)
    await look(store, 7)
    (one,) = await store.list_incidents(IncidentFilter())
    assert [member.fingerprint for member in await store.alerts(one.number)] == ["a", "b", "c"]
    assert (one.alert_count, one.priority) == (3, "P0")


async def test_numbers_have_no_gaps_and_no_duplicates_when_many_look_at_once(
    database: Database, database_url: str
) -> None:
    feed = Feed(database)
    await feed.move([urgent(f"a{index}", service=f"s{index % 40}", start_minutes=index) for index in range(120)])

    @asynccontextmanager
    async def another() -> AsyncIterator[PostgresIncidents]:
        other = Database(address_of(database_url))
        await other.connect()
        try:
            yield PostgresIncidents(other)
        finally:
            await other.close()

    async def hand(store: PostgresIncidents, index: int) -> None:
        await store.open(NewIncident(f"by hand {index}", "P1", PROFILE, f"hand{index}", "ann", NOW, NOW))

    async with another() as one, another() as two:
        await asyncio.gather(
            *[look(store) for store in (one, two, one, two)],
            *[hand(store, i) for i, store in enumerate([one, two] * 4)],
        )
        found = await numbers(one)
        assert found == [f"INC-20250707-{number:03}" for number in range(1, 49)]
        members = [member for number in found for member in await one.alerts(number)]
        assert sorted(member.fingerprint for member in members) == sorted(f"a{index}" for index in range(120))


async def test_a_new_day_begins_with_one_and_a_thousandth_incident_has_its_number(database: Database) -> None:
    store = PostgresIncidents(database)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO incidents (number, day, sequence, state, title, title_zh, priority, profile, service,"
            " began_at, opened_at, opened_by, news_at, firing, alert_count, close_reason, timeline)"
            " VALUES ('INC-20250707-999', '2025-07-07', 999, 'open', '', '', 'P0', '', '', %(at)s, %(at)s, '', %(at)s,"
            " false, 0, '', '[]')",
            {"at": NOW},
        )
    made = [
        await store.open(NewIncident("t", "P1", PROFILE, "", "ann", NOW, NOW + timedelta(days=days))) for days in (0, 1)
    ]
    assert [one.number for one in made] == ["INC-20250707-1000", "INC-20250708-001"]


async def test_times_follow_the_alerts(database: Database) -> None:
    store, feed, acks = PostgresIncidents(database), Feed(database), PostgresAcks(database)
    await feed.move([urgent("a"), urgent("b", start_minutes=10)])
    await look(store, 10)
    await acks.acknowledge("b", "bob", "", NOW + timedelta(minutes=12), NOW + timedelta(hours=4))
    await acks.acknowledge("b", "eve", "", NOW + timedelta(minutes=20), NOW + timedelta(hours=4))
    await feed.move([urgent("a", state="resolved", received_minutes=30)])
    await look(store, 30)
    (one,) = await store.list_incidents(IncidentFilter())
    assert (one.firing, one.recovered_at, one.seconds_to_acknowledge) == (True, None, 720)
    await feed.move([urgent("b", state="resolved", start_minutes=10, received_minutes=45)])
    await look(store, 45)
    (one,) = await store.list_incidents(IncidentFilter())
    assert (one.firing, one.seconds_to_recover, one.seconds_to_acknowledge) == (False, 45 * 60, 720)
    (group,) = await store.figures(NOW - timedelta(days=1))
    assert (group.incidents, group.mtta, group.mttr) == (1, 720, 2700)


async def test_what_fires_is_not_closed_and_what_fires_again_is_open_again(database: Database) -> None:
    store, feed, clock = PostgresIncidents(database), Feed(database), Clock()
    desk = desk_of(store, clock)
    await feed.move([urgent("a")])
    await look(store)
    with pytest.raises(Refused, match="alerts of it fire"):
        await desk.close("latest", "ann", "done")
    await feed.move([urgent("a", state="resolved", received_minutes=5)])
    await look(store, 6)
    clock.minutes = 7
    assert (await desk.close("latest", "ann", "disk replaced")).incident.state == "closed"
    with pytest.raises(Refused, match="closed already"):
        await desk.close("latest", "ann", "again")
    await feed.move([urgent("a", received_minutes=20)])
    assert (await look(store, 20)).reopened == ("INC-20250707-001",)
    (one,) = await store.list_incidents(IncidentFilter())
    assert (one.state, one.firing) == ("open", True)
    clock.minutes = 21
    closed = await desk.close("latest", "ann", "known", anyway=True)
    assert closed.incident.state == "closed"
    assert (await look(store, 21)).reopened == ()
    clock.minutes = 22
    assert (await desk.reopen("latest", "bob", "not over")).incident.state == "open"
    with pytest.raises(Refused, match="open already"):
        await desk.reopen("latest", "bob", "")
    kinds = [action.kind for action in await PostgresActionLedger(database).list_actions(ActionFilter())]
    assert kinds == ["incident_reopen", "incident_close", "incident_reopen", "incident_close"]


async def test_the_timeline_gathers_what_was_done_and_outlives_its_sources(database: Database) -> None:
    store, feed, clock = PostgresIncidents(database), Feed(database), Clock(3)
    ledger, acks = PostgresActionLedger(database), PostgresAcks(database)
    muted = Silence("s", (Matcher("service", "=", "db"),), NOW, NOW + WINDOW, "eve", "work", "active")
    other = dataclasses.replace(muted, matchers=(Matcher("service", "=", "web"),))
    desk = desk_of(store, clock, StubSilences([muted, other]))
    for minutes, kind in ((-30, "deploy"), (-90, "deploy"), (2, "restore"), (200, "maintenance")):
        at = NOW + timedelta(minutes=minutes)
        await ledger.record(Action(0, kind, "eve", f"at {minutes}", "", at, at, "succeeded"))
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO job_runs (task, scheduled_for, started_at, finished_at, outcome, detail, trigger)"
            " VALUES ('backup', %(at)s, %(at)s, %(at)s, 'succeeded', 'set 1', 'schedule'),"
            " ('health_checks', %(at)s, %(at)s, %(at)s, 'succeeded', '', 'schedule')",
            {"at": NOW + timedelta(minutes=1)},
        )
    await feed.move([urgent("a")])
    await look(store, 0.5)
    await acks.acknowledge("a", "ann", "on it", NOW + timedelta(minutes=2), NOW + timedelta(hours=4))
    await desk.note("latest", "ann", "the disk is full", "why", key="k")
    await desk.note("latest", "ann", "the disk is full", "why", key="k")
    await feed.move([urgent("a", state="resolved", received_minutes=5)])
    await look(store, 5)
    clock.minutes = 6
    closed = await desk.close("latest", "ann", "cleaned up")

    def told(timeline: list[TimelineEntry]) -> list[str]:
        return [entry.kind for entry in timeline]

    expected = [
        "deploy",
        "alert_firing",
        "silence",
        "opened",
        "backup",
        "acknowledge",
        "restore",
        "why",
        "alert_resolved",
    ]
    assert told(list(closed.timeline)) == [*expected, "incident_close"]
    async with database.connection() as connection:
        for table in ("actions", "job_runs", "alerts"):
            await connection.execute(f"DELETE FROM {table}")  # as retention does, one day
    kept = await desk_of(store, clock, StubSilences(error=DependencyUnreachable("gone"))).show("latest")
    assert told(list(kept.timeline)) == expected
    assert kept.problems == ["silences are not known: gone"]


async def test_an_incident_of_a_storm_counts_all_and_keeps_the_first(database: Database) -> None:
    store, feed = PostgresIncidents(database), Feed(database)
    count = MOST_ALERTS + 300
    await feed.move([urgent(f"a{index}") for index in range(count)])
    while not (await look(store)).is_all:
        pass
    (one,) = await store.list_incidents(IncidentFilter())
    assert (one.alert_count, len(await store.alerts(one.number))) == (count, MOST_ALERTS)
    await feed.move([urgent(f"a{index}", state="resolved", received_minutes=1) for index in range(MOST_ALERTS)])
    await look(store, 2)
    assert (await store.list_incidents(IncidentFilter()))[0].firing  # those beyond the thousand


async def test_what_nobody_closes_is_closed_and_says_so(database: Database) -> None:
    store, feed, clock = PostgresIncidents(database), Feed(database), Clock()
    desk = desk_of(store, clock)
    keeper = IncidentKeeper(store, desk, PROFILE, WINDOW, timedelta(hours=72), clock)
    await feed.move([urgent("a"), urgent("b", service="web")])
    await keeper.look()
    await feed.move([urgent("a", state="resolved", received_minutes=5)])
    clock.minutes = 72 * 60
    await keeper.look()
    assert {one.state for one in await store.list_incidents(IncidentFilter())} == {"open"}
    clock.minutes = 72 * 60 + 6
    await keeper.look()
    closed = await store.list_incidents(IncidentFilter(state="closed"))
    assert [(one.service, one.closed_by) for one in closed] == [("db", "control plane")]
    assert sum(group.incidents for group in keeper.figures) == 1 + 1


async def test_an_unknown_number_is_named(database: Database) -> None:
    desk = desk_of(PostgresIncidents(database), Clock())
    for number in ("INC-20250707-001", "latest", "nonsense", "x\0"):
        with pytest.raises(UsageProblem, match="incident"):
            await desk.find(number)
