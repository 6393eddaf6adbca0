"""Alerts that flap, in a real PostgreSQL: followed with their changes, once each, with escalation running on."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.adapters.store.acks import PostgresAcks
from controlplane.adapters.store.alerts import PostgresAlertStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.flapping import PostgresFlapping
from controlplane.adapters.store.oncall import PostgresOnCall
from controlplane.domain.alert import Alert, AlertFilter
from controlplane.domain.flapping import DEFAULT_LIMITS
from controlplane.domain.notification.escalation import missed_steps
from controlplane.services.ingest import encode_alert
from controlplane.services.notify.escalation import Step
from controlplane.services.ports import JournalBatch, JournalPosition

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
MINUTE = timedelta(minutes=1)
P0 = ["P0"]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


class Store:
    """Moves changes of one alert as the mover does."""

    def __init__(self, database: Database) -> None:
        self.alerts = PostgresAlertStore(database, notes_events=True)
        self.flapping = PostgresFlapping(database, DEFAULT_LIMITS, notes_events=True)
        self.oncall = PostgresOnCall(database)
        self._end = 0

    async def fire(self, start: float) -> None:
        await self._move(start, None)

    async def end(self, start: float, end: float) -> None:
        await self._move(start, end)

    async def cycle(self, *starts: float) -> None:
        for start in starts:
            await self.fire(start)
            await self.end(start, start + 1)

    async def _move(self, start: float, end: float | None) -> None:
        state = "firing" if end is None else "resolved"
        ends_at = None if end is None else at(end)
        heard = at(start if end is None else end)
        alert = Alert("f", "X", state, "critical", "P0", at(start), ends_at, heard)  # type: ignore[arg-type]
        position, self._end = JournalPosition(1, self._end), self._end + 1
        await self.alerts.journal_position("journal", position)
        batch = JournalBatch([encode_alert(alert)], position, JournalPosition(1, self._end))
        await self.alerts.move("journal", batch)

    async def shown(self) -> tuple[datetime | None, int | None]:
        """Since when it flaps and how often it fired, as a list shows its newest episode."""
        found = await self.alerts.list_alerts(AlertFilter())
        newest = max(found, key=lambda one: one.starts_at)
        return newest.flapping_since, newest.flapping_fires


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


async def test_it_flaps_until_it_is_calm_and_its_history_keeps_every_episode(store: Store) -> None:
    await store.cycle(0, 3, 6)
    assert await store.shown() == (None, None)
    await store.fire(9)
    assert await store.shown() == (at(0), 4)
    await store.end(9, 10)
    await store.end(9, 10)  # repeated: no news
    await store.cycle(12)
    assert await store.shown() == (at(0), 5)
    assert await store.flapping.count() == 1
    assert await store.flapping.end_calm(at(27.9)) == []
    assert await store.flapping.end_calm(at(28)) == ["f"]
    assert (await store.shown(), await store.flapping.count()) == ((None, None), 0)
    assert len(await store.alerts.history("f")) == 10
    await store.cycle(29, 31, 33)
    assert await store.shown() == (None, None), "what counted once does not count again"
    await store.cycle(35)
    assert await store.shown() == (at(29), 4)


async def test_a_clock_that_steps_back_does_not_keep_it_flapping(store: Store) -> None:
    await store.cycle(0, 3, 6, 9)
    assert await store.flapping.end_calm(at(-60)) == []
    assert await store.flapping.end_calm(at(-45)) == ["f"]


async def test_escalation_runs_on_over_the_episodes_of_one_that_flaps(store: Store) -> None:
    await store.cycle(0, 3, 6, 9)
    (waiting,) = await store.oncall.waiting(P0, at(10), 10)
    assert (waiting.alert.state, waiting.waiting_since, waiting.last_step) == ("resolved", at(9), 0)
    assert waiting.flapping is not None
    await store.oncall.make(Step(waiting.alert_id, at(9), 1, at(24), at(24), ["ann"]), [])
    await store.cycle(12, 15, 18, 21)
    await store.fire(24)
    (waiting,) = await store.oncall.waiting(P0, at(25), 10)
    assert (waiting.alert.state, waiting.waiting_since, waiting.last_step) == ("firing", at(9), 1)
    assert await audited(store, steps=1, now=60) == []
    assert await audited(store, steps=2, now=60) == [(2, at(39))]
    assert await store.flapping.end_calm(at(45)) == ["f"]
    (waiting,) = await store.oncall.waiting(P0, at(46), 10)
    assert (waiting.waiting_since, waiting.last_step) == (at(9), 1), "it has stayed firing, and is still nobody's"
    assert waiting.flapping is None
    await store.end(24, 50)
    assert await store.oncall.waiting(P0, at(51), 10) == []


async def audited(store: Store, steps: int, now: float) -> list[tuple[int, datetime]]:
    histories = await store.oncall.histories(P0, NOW - MINUTE, 100)
    found = [missed_steps(history, steps, 15 * MINUTE, 2 * MINUTE, at(now)) for history in histories]
    return [(missed.step, missed.due_at) for some in found for missed in some]


async def test_whoever_takes_it_on_has_its_next_episodes_too(store: Store, database: Database) -> None:
    acks = PostgresAcks(database)
    await store.cycle(0, 3, 6, 9)
    until = datetime.now(UTC) + timedelta(hours=1)
    taken = await acks.acknowledge("f", "ann", "", at(10), until)
    assert taken is not None
    assert taken.state == "resolved", "it is over for a moment"
    await store.cycle(12)
    await store.fire(15)
    newest = max(await store.alerts.list_alerts(AlertFilter()), key=lambda one: one.starts_at)
    assert newest.acknowledged_by == "ann"
    assert await store.oncall.waiting(P0, at(40), 10) == []
    given_back = datetime.now(UTC)
    assert await acks.unacknowledge("f", "ann", given_back) is not None
    await store.end(15, 16)
    await store.fire(18)
    newest = max(await store.alerts.list_alerts(AlertFilter()), key=lambda one: one.starts_at)
    assert newest.acknowledged_by is None
    (waiting,) = await store.oncall.waiting(P0, given_back + MINUTE, 10)
    assert waiting.waiting_since == given_back
    assert await acks.unacknowledge("f", "ann", given_back) is None


async def test_what_was_over_long_ago_is_forgotten(store: Store, database: Database) -> None:
    await store.cycle(0, 3, 6, 9)
    await store.flapping.end_calm(at(30))

    async def kept() -> int:
        async with database.connection() as connection:
            row = await (await connection.execute("SELECT count(*) FROM alert_flapping")).fetchone()
        return int(row[0]) if row else 0

    await store.alerts.delete_resolved_before(at(30))
    assert await kept() == 1
    await store.alerts.delete_resolved_before(at(31))
    assert await kept() == 0
