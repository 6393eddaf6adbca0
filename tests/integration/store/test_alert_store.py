"""Alerts in a real PostgreSQL: exactly once, in order, the same state as in memory."""

import dataclasses
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.adapters.store.alerts import PostgresAlertStore
from controlplane.adapters.store.database import Database
from controlplane.domain.alert import Alert, AlertCursor, AlertFilter, AlertState
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ingest import encode_alert
from controlplane.services.ports import JournalBatch, JournalPosition, PositionMoved, StoreRejected

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


def alert(
    fingerprint: str,
    state: AlertState = "firing",
    received_minutes: float = 0,
    start_minutes: int = 0,
    **fields: object,
) -> Alert:
    values = {
        "fingerprint": fingerprint,
        "name": "X",
        "state": state,
        "severity": "warning",
        "priority": "P2",
        "starts_at": NOW + timedelta(minutes=start_minutes),
        "ends_at": NOW + timedelta(minutes=received_minutes) if state == "resolved" else None,
        "received_at": NOW + timedelta(minutes=received_minutes),
        "labels": {"alertname": "X"},
        "end_reason": "notified" if state == "resolved" else None,
        **fields,
    }
    return Alert(**values)  # type: ignore[arg-type]


class Feed:
    """Moves batches one after another, as the mover would."""

    def __init__(self, database: Database, journal_id: str = "journal") -> None:
        self.store = PostgresAlertStore(database)
        self.journal_id = journal_id
        self.position = JournalPosition(1, 0)

    async def move(self, *groups: Sequence[Alert]) -> JournalBatch:
        """Move one batch with one record for each group."""
        await self.store.journal_position(self.journal_id, self.position)
        end = JournalPosition(self.position.segment, self.position.offset + 1)
        records = [b"\n".join(encode_alert(alert) for alert in group) for group in groups]
        batch = JournalBatch(records, self.position, end)
        await self.store.move(self.journal_id, batch)
        self.position = end
        return batch


async def notifications(database: Database) -> list[tuple[str, int]]:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT fingerprint, notifications FROM alerts ORDER BY fingerprint")
        return await cursor.fetchall()


async def test_an_alert_comes_back_as_it_was(database: Database) -> None:
    feed = Feed(database)
    whole = alert(
        "a",
        severity="critical",
        labels={"名": "值", "quote": "'\";--"},
        annotations={"summary": "line\nline"},
        generator_url="http://x",
        receiver="controlplane",
        group_key="{}",
    )
    await feed.move([whole])
    assert await feed.store.list_alerts(AlertFilter()) == [whole]


async def test_a_batch_is_moved_once(database: Database) -> None:
    feed = Feed(database)
    batch = await feed.move([alert("a"), alert("b")], [alert("a", received_minutes=1)])
    with pytest.raises(PositionMoved):
        await feed.store.move("journal", batch)
    assert await notifications(database) == [("a", 2), ("b", 1)]
    assert await feed.store.journal_position("journal", JournalPosition(1, 0)) == feed.position


async def test_data_that_can_never_be_stored_change_nothing(database: Database) -> None:
    feed = Feed(database)
    await feed.store.journal_position("journal", feed.position)
    bad = JournalBatch(
        [encode_alert(alert("a")), encode_alert(alert("b", state="broken"))], feed.position, JournalPosition(1, 9)
    )
    with pytest.raises(StoreRejected):
        await feed.store.move("journal", bad)
    assert await notifications(database) == []
    assert await feed.store.journal_position("journal", JournalPosition(0, 0)) == feed.position


@pytest.mark.parametrize(
    ("case", "steps", "state", "history"),
    [
        ("firing", [alert("a")], "firing", [("firing", 0)]),
        ("repeated", [alert("a"), alert("a", received_minutes=9)], "firing", [("firing", 0)]),
        ("resolved", [alert("a"), alert("a", "resolved", 3)], "resolved", [("firing", 0), ("resolved", 3)]),
        ("resolved twice", [alert("a", "resolved", 3)] * 2, "resolved", [("resolved", 3)]),
        (
            "late firing",
            [alert("a", "resolved", 3), alert("a", "firing", 4)],
            "resolved",
            [("firing", 0), ("resolved", 3)],
        ),
        (
            "reopened",
            [alert("a"), alert("a", "resolved", 3), alert("a", "firing", 20)],
            "firing",
            [("firing", 0), ("resolved", 3), ("firing", 20)],
        ),
    ],
)
@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_states_and_their_history(
    database: Database, case: str, steps: list[Alert], state: str, history: list[tuple[str, int]], in_one_batch: bool
) -> None:
    feed = Feed(database)
    for group in [steps] if in_one_batch else [[step] for step in steps]:
        await feed.move(group)
    (found,) = await feed.store.list_alerts(AlertFilter())
    assert found.state == state, case
    assert (found.ends_at is None) == (state == "firing")
    changes = [(change.state, (change.at - NOW).total_seconds() / 60) for change in await feed.store.history("a")]
    assert changes == history


STEPS = st.lists(
    st.builds(
        alert,
        fingerprint=st.sampled_from(["a", "b"]),
        state=st.sampled_from(["firing", "resolved"]),
        received_minutes=st.integers(0, 15),
        start_minutes=st.sampled_from([0, 1, 2]),
        end_reason=st.sampled_from(["notified", "stale"]),
    ).map(lambda made: made if made.state == "resolved" else dataclasses.replace(made, end_reason=None)),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cuts=st.lists(st.integers(0, 12), max_size=3))
async def test_memory_and_postgresql_settle_on_the_same_state(
    database: Database, steps: list[Alert], cuts: list[int]
) -> None:
    async with database.connection() as connection:
        await connection.execute("TRUNCATE alerts, alert_states, journal_positions CASCADE")
    feed, current = Feed(database), CurrentAlerts()
    bounds = sorted({0, *(min(cut, len(steps)) for cut in cuts), len(steps)})
    for start, end in itertools.pairwise(bounds):
        await feed.move(steps[start:end])
        current.apply(steps[start:end])
    assert settled(await feed.store.list_alerts(AlertFilter())) == settled(await current.list_alerts(AlertFilter()))


def settled(alerts: list[Alert]) -> list[tuple[object, ...]]:
    return [(alert.fingerprint, alert.starts_at, alert.state, alert.ends_at, alert.end_reason) for alert in alerts]


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_an_alert_whose_end_was_lost_is_over_when_it_begins_anew(database: Database, in_one_batch: bool) -> None:
    feed = Feed(database)
    lost, anew, repeated = (
        alert("a", start_minutes=-60),
        alert("a", received_minutes=1, start_minutes=-5),
        alert("a", received_minutes=2, start_minutes=-5),
    )
    for group in [[lost, anew, repeated]] if in_one_batch else [[lost], [anew], [repeated]]:
        await feed.move(group)
    newest, older = await feed.store.list_alerts(AlertFilter())
    assert (newest.state, newest.end_reason) == ("firing", None)
    assert (older.state, older.ends_at, older.end_reason) == ("resolved", NOW - timedelta(minutes=5), "superseded")
    history = [(change.starts_at, change.state, change.at) for change in await feed.store.history("a")]
    assert history == [
        (older.starts_at, "firing", older.starts_at),
        (older.starts_at, "resolved", NOW - timedelta(minutes=5)),
        (newest.starts_at, "firing", newest.starts_at),
    ]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (AlertFilter(), ["c", "a", "b"]),
        (AlertFilter(state="resolved"), ["b"]),
        (AlertFilter(severity="critical"), ["c"]),
        (AlertFilter(labels={"job": "x"}), ["c"]),
        (AlertFilter(labels={"job": "x' OR '1'='1"}), []),
        (AlertFilter(fingerprint="a"), ["a"]),
        (AlertFilter(since=NOW + timedelta(minutes=5)), ["b"]),
        (AlertFilter(limit=1), ["c"]),
        (AlertFilter(after=AlertCursor("firing", NOW + timedelta(minutes=3), "c")), ["a", "b"]),
        (AlertFilter(after=AlertCursor("firing", NOW + timedelta(minutes=1), "a"), limit=1), ["b"]),
    ],
)
async def test_lists_are_filtered_and_ordered(database: Database, wanted: AlertFilter, expected: list[str]) -> None:
    feed = Feed(database)
    await feed.move([alert("a", start_minutes=1), alert("b", "resolved", 9, start_minutes=2)])
    await feed.move([alert("c", start_minutes=3, severity="critical", labels={"job": "x"})])
    assert [item.fingerprint for item in await feed.store.list_alerts(wanted)] == expected


async def test_retention_deletes_resolved_alerts_and_their_history_only(database: Database) -> None:
    feed = Feed(database)
    await feed.move([alert("old", "resolved"), alert("new", "resolved", 60), alert("firing")])
    assert await feed.store.delete_resolved_before(NOW + timedelta(minutes=30)) == 1
    assert [item.fingerprint for item in await feed.store.list_alerts(AlertFilter())] == ["firing", "new"]
    assert await feed.store.history("old") == []
