"""The outbox in a real PostgreSQL: noted with the alert, planned once, sent once, never forgotten."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.adapters.store.alerts import PostgresAlertStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.outbox import PostgresOutbox
from controlplane.domain.alert import Alert, AlertState
from controlplane.domain.notification.cooldown import Told
from controlplane.domain.notification.delivery import Change, DeliveryOutcome, NewDelivery
from controlplane.domain.notification.plan import Knowledge, TellKey
from controlplane.services.ingest import encode_alert
from controlplane.services.notify.ports import DeliveryFilter, Written
from controlplane.services.ports import JournalBatch, JournalPosition

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


def alert(fingerprint: str, state: AlertState = "firing", received: float = 0, start: int = 0) -> Alert:
    return Alert(
        fingerprint,
        "X",
        state,
        "critical",
        "P0",
        NOW + timedelta(minutes=start),
        NOW + timedelta(minutes=received) if state == "resolved" else None,
        NOW + timedelta(minutes=received),
        end_reason="notified" if state == "resolved" else None,
    )


def message(receiver: str = "people", title: str = "t") -> NewDelivery:
    return NewDelivery(receiver, "alert", title, "body", "line", "P0", 1, ["a"], NOW)


class Planned:
    """Remembers what it was asked, and answers what it is told to."""

    def __init__(self, *deliveries: NewDelivery, knowledge: Sequence[Knowledge] = ()) -> None:
        self.deliveries, self.knowledge = deliveries, knowledge
        self.changes: list[tuple[str, str, int]] = []
        self.told: Mapping[TellKey, Told] = {}

    def __call__(self, changes: Sequence[Change], told: Mapping[TellKey, Told]) -> Written:
        self.changes += [(change.alert.fingerprint, change.state, change.changes) for change in changes]
        self.told = told
        return Written(self.deliveries, self.knowledge)


class Store:
    """Moves alerts as the mover does."""

    def __init__(self, database: Database) -> None:
        self._store = PostgresAlertStore(database, notes_events=True)
        self._end = 0

    async def move(self, *alerts: Alert) -> None:
        start, self._end = JournalPosition(1, self._end), self._end + 1
        await self._store.journal_position("journal", start)
        record = b"\n".join(encode_alert(one) for one in alerts)
        await self._store.move("journal", JournalBatch([record], start, JournalPosition(1, self._end)))


@pytest.mark.parametrize(
    ("case", "steps", "expected"),
    [
        ("a new alert", [[alert("a")]], [("a", "firing", 1)]),
        ("a repeat is no change", [[alert("a")], [alert("a", received=9)]], [("a", "firing", 1)]),
        ("fired and over in between", [[alert("a")], [alert("a", "resolved", 1)]], [("a", "resolved", 2)]),
        ("first heard of when it was over", [[alert("a", "resolved", 1)]], []),
        ("opened again", [[alert("a", "resolved", 1)], [alert("a", received=20)]], [("a", "firing", 1)]),
        ("the newest episode counts", [[alert("a")], [alert("a", received=5, start=5)]], [("a", "firing", 2)]),
    ],
)
async def test_changes_are_noted_with_the_alert_and_taken_once(
    database: Database, case: str, steps: list[list[Alert]], expected: list[tuple[str, str, int]]
) -> None:
    store, outbox, planned = Store(database), PostgresOutbox(database), Planned()
    for alerts in steps:
        await store.move(*alerts)
    await outbox.plan(100, NOW, planned)
    assert planned.changes == expected, case
    assert (await outbox.plan(100, NOW, planned)).changes == 0


async def test_a_plan_that_fails_is_made_again(database: Database) -> None:
    store, outbox = Store(database), PostgresOutbox(database)
    await store.move(alert("a"))

    def broken(changes: Sequence[Change], told: Mapping[TellKey, Told]) -> Written:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await outbox.plan(100, NOW, broken)
    planned = Planned(message())
    assert (await outbox.plan(100, NOW, planned)).receivers == {"people"}
    assert planned.changes == [("a", "firing", 1)]


async def test_what_a_receiver_knows_is_kept_and_a_held_change_comes_back_when_due(database: Database) -> None:
    store, outbox = Store(database), PostgresOutbox(database)
    await store.move(alert("a"))
    held = Knowledge("people", "a", Told("resolved", NOW, NOW, 3), NOW + timedelta(minutes=1))
    await outbox.plan(100, NOW, Planned(knowledge=[held]))
    assert await outbox.next_due() == NOW + timedelta(minutes=1)
    early, due = Planned(), Planned()
    await outbox.plan(100, NOW + timedelta(seconds=59), early)
    await outbox.plan(100, NOW + timedelta(seconds=60), due)
    assert (early.changes, due.changes) == ([], [("a", "firing", 0)])
    assert due.told == {("people", "a"): held.told}
    assert await outbox.next_due() is None


async def test_a_delivery_is_recorded_before_it_is_sent_and_its_outcome_after(database: Database) -> None:
    outbox = PostgresOutbox(database)
    number = await outbox.record(message())
    later = datetime.now(UTC) + timedelta(minutes=1)
    (waiting,) = await outbox.waiting("people", later, 10)
    begun = await outbox.begin(waiting.id, later)
    assert begun is not None
    assert (begun.id, begun.status, begun.attempts, begun.is_possible_repeat) == (number, "sending", 1, False)
    assert await outbox.begin(number, later) is None, "only once"
    assert await outbox.sent_times("people", NOW) == [later]
    failure = DeliveryOutcome(False, "busy", is_uncertain=True)
    await outbox.failed(number, later, failure, later + timedelta(minutes=1))
    assert await outbox.waiting("people", later, 10) == []
    assert await outbox.next_waiting("people") == later + timedelta(minutes=1)
    again = await outbox.begin(number, later)
    assert again is not None
    assert (again.attempts, again.is_possible_repeat, again.last_error) == (2, True, "busy")
    await outbox.delivered(number, later, "taken")
    (done,) = await outbox.list_deliveries(DeliveryFilter(fingerprint="a"))
    assert (done.status, done.receipt, done.last_error) == ("delivered", "taken", "")
    assert await outbox.counts() == {}


async def test_what_a_dead_daemon_was_sending_is_sent_again_as_a_possible_repeat(database: Database) -> None:
    outbox = PostgresOutbox(database)
    sending, waiting = await outbox.record(message()), await outbox.record(message())
    later = datetime.now(UTC) + timedelta(minutes=1)
    await outbox.begin(sending, later)
    assert await outbox.interrupted() == 1
    found = {item.id: item.is_possible_repeat for item in await outbox.waiting("people", later, 10)}
    assert found == {sending: True, waiting: False}


async def test_a_digest_replaces_its_members_in_one_step(database: Database) -> None:
    outbox = PostgresOutbox(database)
    members = [await outbox.record(message()) for _ in range(3)]
    digest = await outbox.fold(message(title="digest"), members)
    assert [item.id for item in await outbox.list_deliveries(DeliveryFilter(status="folded"))] == members[::-1]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert [item.id for item in await outbox.waiting("people", later, 10)] == [digest.id]


async def test_dead_letters_can_be_sent_again_and_are_deleted_in_the_end(database: Database) -> None:
    outbox = PostgresOutbox(database)
    number = await outbox.record(message())
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert await outbox.redeliver(number, later) is None, "it has not failed"
    await outbox.begin(number, later)
    await outbox.failed(number, later, DeliveryOutcome(False, "no such hook", can_retry=False), None)
    assert await outbox.counts() == {("people", "dead"): 1}
    again = await outbox.redeliver(number, later)
    assert again is not None
    assert (again.status, again.attempts) == ("pending", 0)
    assert await outbox.delete_before(later) == 0, "it waits"
    await outbox.begin(number, later)
    await outbox.delivered(number, later, "")
    assert await outbox.delete_before(later) == 1


async def test_a_clock_that_steps_back_does_not_hold_up_a_retry(database: Database) -> None:
    store, outbox = Store(database), PostgresOutbox(database)
    await store.move(alert("a"))
    await outbox.plan(10, NOW, Planned(message()))
    later = datetime.now(UTC) + timedelta(hours=1)
    (waiting,) = await outbox.waiting("people", later, 10)
    assert await outbox.begin(waiting.id, later) is not None
    await outbox.failed(waiting.id, later, DeliveryOutcome(False, "busy"), later + timedelta(seconds=30))
    assert await outbox.waiting("people", later, 10) == []
    (again,) = await outbox.waiting("people", later - timedelta(hours=1), 10)
    assert again.id == waiting.id


async def test_a_message_does_not_wait_for_a_clock_that_is_behind_that_of_postgresql(database: Database) -> None:
    outbox = PostgresOutbox(database)
    number = await outbox.record(message())
    (waiting,) = await outbox.waiting("people", datetime.now(UTC) - timedelta(hours=1), 10)
    assert waiting.id == number


async def test_a_clock_that_steps_back_does_not_hold_up_what_a_cooldown_holds(database: Database) -> None:
    store, outbox = Store(database), PostgresOutbox(database)
    await store.move(alert("a"))
    held = Knowledge("people", "a", Told("resolved", NOW, NOW, 3), NOW + timedelta(minutes=1))
    await outbox.plan(100, NOW, Planned(knowledge=[held]))
    stepped = Planned()
    await outbox.plan(100, NOW - timedelta(hours=1), stepped)
    assert stepped.changes == [("a", "firing", 0)]
    assert await outbox.next_due() is None
