"""The outbox in PostgreSQL: every message before it is sent, and what became of it."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.flapping import latest_flapping
from controlplane.adapters.store.queries import query
from controlplane.domain.alert import Alert
from controlplane.domain.notification.cooldown import Told
from controlplane.domain.notification.delivery import Change, Delivery, DeliveryOutcome, NewDelivery
from controlplane.domain.notification.plan import Knowledge, TellKey
from controlplane.services.notify.ports import Decide, DeliveryFilter, PlanResult

OUTBOX_SECONDS = 10.0
READ_SECONDS = 5.0
INTERRUPTED = "the daemon ended while this was being sent; it may have arrived"


class PostgresOutbox:
    """Implements Outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- planning

    async def plan(self, limit: int, now: datetime, decide: Decide) -> PlanResult:
        """Take changes and record what ``decide`` makes of them, in one transaction."""
        async with self._database.transaction(OUTBOX_SECONDS) as connection:
            changes = await self._changes(connection, limit, now)
            if not changes:
                return PlanResult(0, frozenset())
            fingerprints = [change.alert.fingerprint for change in changes]
            told = await _knowledge(connection, fingerprints)
            written = decide(changes, told)
            await connection.execute(query("clear_due_knowledge"), {"fingerprints": fingerprints, "now": now})
            await _write_knowledge(connection, written.knowledge)
            for delivery in written.deliveries:
                await connection.execute(query("add_delivery"), _values(delivery))
        return PlanResult(len(changes), frozenset([delivery.receiver for delivery in written.deliveries]))

    async def _changes(self, connection: AsyncConnection[Any], limit: int, now: datetime) -> list[Change]:
        """The newest episode of every fingerprint that changed or was held until now."""
        cursor = await connection.execute(query("take_events"), {"limit": limit})
        heard: dict[str, datetime] = {}
        count: Counter[str] = Counter()
        for fingerprint, heard_at in await cursor.fetchall():
            heard[fingerprint] = min(heard_at, heard.get(fingerprint, heard_at))
            count[fingerprint] += 1
        cursor = await connection.execute(query("due_knowledge"), {"limit": limit, "now": now})
        for (fingerprint,) in await cursor.fetchall():
            heard.setdefault(fingerprint, now)
        if not heard:
            return []
        rows = connection.cursor(row_factory=class_row(Alert))
        await rows.execute(query("newest_episodes"), {"fingerprints": list(heard)})
        flapping = await latest_flapping(connection, list(heard))
        return [
            Change(alert, heard[alert.fingerprint], count[alert.fingerprint], flapping.get(alert.fingerprint))
            for alert in await rows.fetchall()
        ]

    async def import_told(
        self, deliveries: Sequence[tuple[NewDelivery, datetime, str]], knows: Sequence[Knowledge]
    ) -> None:
        """Record messages that arrived beside the outbox, and what their receivers know, in one transaction."""
        async with self._database.transaction(OUTBOX_SECONDS) as connection:
            await _write_knowledge(connection, knows)
            for delivery, at, receipt in deliveries:
                number = await add_delivery(connection, delivery)
                await connection.execute(query("import_delivery"), {"id": number, "at": at, "receipt": receipt})

    async def next_due(self) -> datetime | None:
        """When the next held change is looked at again."""
        async with self._database.connection(READ_SECONDS) as connection:
            row = await (await connection.execute(query("next_due_knowledge"))).fetchone()
        return row[0] if row else None

    # -- sending

    async def interrupted(self) -> int:
        """Make what a dead daemon was sending pending again, as a possible repeat; returns how many."""
        async with self._database.connection(OUTBOX_SECONDS) as connection:
            return (await connection.execute(query("interrupted_deliveries"), {"error": INTERRUPTED})).rowcount

    async def waiting(self, receiver: str, now: datetime, limit: int) -> list[Delivery]:
        """Pending deliveries of a receiver that are due, the most urgent first."""
        return await self._read("waiting_deliveries", {"receiver": receiver, "now": now, "limit": limit})

    async def next_waiting(self, receiver: str) -> datetime | None:
        """When the next pending delivery of a receiver is due."""
        async with self._database.connection(READ_SECONDS) as connection:
            row = await (await connection.execute(query("next_waiting_delivery"), {"receiver": receiver})).fetchone()
        return row[0] if row else None

    async def sent_times(self, receiver: str, since: datetime) -> list[datetime]:
        """When attempts at a receiver began, since a moment."""
        async with self._database.connection(READ_SECONDS) as connection:
            cursor = await connection.execute(query("sent_times"), {"receiver": receiver, "since": since})
            return [moment for (moment,) in await cursor.fetchall()]

    async def fold(self, digest: NewDelivery, members: Sequence[int]) -> Delivery:
        """Record a digest and mark the deliveries that it tells, in one transaction."""
        async with self._database.transaction(OUTBOX_SECONDS) as connection:
            delivery_id = await add_delivery(connection, digest)
            await connection.execute(query("fold_deliveries"), {"digest": delivery_id, "members": list(members)})
            rows = connection.cursor(row_factory=class_row(Delivery))
            await rows.execute(query("read_delivery"), {"id": delivery_id})
            (delivery,) = await rows.fetchall()
        return delivery

    async def begin(self, delivery_id: int, now: datetime) -> Delivery | None:
        """Record that an attempt begins; None when it is not pending any more."""
        return next(iter(await self._read("begin_delivery", {"id": delivery_id, "now": now})), None)

    async def delivered(self, delivery_id: int, now: datetime, receipt: str) -> None:
        """Record that the channel took it."""
        await self._execute("finish_delivery", {"id": delivery_id, "now": now, "receipt": receipt})

    async def failed(
        self, delivery_id: int, now: datetime, outcome: DeliveryOutcome, retry_at: datetime | None
    ) -> None:
        """Record a failed attempt; without ``retry_at`` it is a dead letter."""
        parameters = {"id": delivery_id, "now": now, "error": outcome.detail, "retry_at": retry_at}
        await self._execute("fail_delivery", {**parameters, "is_uncertain": outcome.is_uncertain})

    async def record(self, delivery: NewDelivery) -> int:
        """Record one message outside of planning; returns its number."""
        async with self._database.transaction(OUTBOX_SECONDS) as connection:
            return await add_delivery(connection, delivery)

    # -- looking

    async def list_deliveries(self, wanted: DeliveryFilter) -> list[Delivery]:
        """The wanted deliveries, newest first."""
        return await self._read("list_deliveries", dataclasses.asdict(wanted))

    async def redeliver(self, delivery_id: int, now: datetime) -> Delivery | None:
        """Make a dead or delivered one pending again, as a possible repeat; None when there is none such."""
        return next(iter(await self._read("redeliver", {"id": delivery_id, "now": now})), None)

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """How many deliveries there are by receiver and status, ``pending``, ``sending`` and ``dead`` only."""
        async with self._database.connection(READ_SECONDS) as connection:
            cursor = await connection.execute(query("count_deliveries"))
            return {(receiver, status): count for receiver, status, count in await cursor.fetchall()}

    async def delete_before(self, moment: datetime) -> int:
        """Delete deliveries made before a moment that are over, dead letters too; returns how many."""
        async with self._database.connection() as connection:
            await connection.execute(query("delete_old_knowledge"), {"before": moment})
            return (await connection.execute(query("delete_old_deliveries"), {"before": moment})).rowcount

    async def _read(self, name: str, parameters: Mapping[str, Any]) -> list[Delivery]:
        async with self._database.connection(READ_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(Delivery))
            await rows.execute(query(name), parameters)
            return await rows.fetchall()

    async def _execute(self, name: str, parameters: Mapping[str, Any]) -> None:
        async with self._database.connection(OUTBOX_SECONDS) as connection:
            await connection.execute(query(name), parameters)


async def add_delivery(connection: AsyncConnection[Any], delivery: NewDelivery) -> int:
    """Record a message on a connection, so that it shares the transaction of what it tells about."""
    cursor = await connection.execute(query("add_delivery"), _values(delivery))
    (row,) = await cursor.fetchall()
    return int(row[0])


def _values(delivery: NewDelivery) -> dict[str, Any]:
    return {**dataclasses.asdict(delivery), "fingerprints": list(delivery.fingerprints)}


async def _knowledge(connection: AsyncConnection[Any], fingerprints: Sequence[str]) -> dict[TellKey, Told]:
    rows = connection.cursor(row_factory=dict_row)
    await rows.execute(query("read_knowledge"), {"fingerprints": list(fingerprints)})
    return {
        (row["receiver"], row["fingerprint"]): Told(
            row["state"], row["starts_at"], row["firing_told_at"], row["untold_changes"], row["flapping_since"]
        )
        for row in await rows.fetchall()
    }


async def _write_knowledge(connection: AsyncConnection[Any], knowledge: Sequence[Knowledge]) -> None:
    if not knowledge:
        return
    columns = {
        "receivers": [item.receiver for item in knowledge],
        "fingerprints": [item.fingerprint for item in knowledge],
        "states": [item.told.state for item in knowledge],
        "starts": [item.told.starts_at for item in knowledge],
        "told": [item.told.firing_told_at for item in knowledge],
        "untold": [item.told.untold_changes for item in knowledge],
        "due": [item.due_at for item in knowledge],
        "flapping": [item.told.flapping_since for item in knowledge],
    }
    await connection.execute(query("write_knowledge"), columns)
