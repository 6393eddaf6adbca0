"""Escalations and on-call overrides in PostgreSQL."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import class_row, dict_row

from controlplane.adapters.store.actions import add_action
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.outbox import add_delivery
from controlplane.adapters.store.queries import query
from controlplane.domain.action import Action
from controlplane.domain.alert import Alert
from controlplane.domain.flapping import Flapping
from controlplane.domain.notification.delivery import NewDelivery
from controlplane.domain.notification.escalation import History
from controlplane.domain.notification.oncall import Override
from controlplane.services.notify.canary import CANARY_ALERT
from controlplane.services.notify.escalation import Step, WaitingAlert

ONCALL_SECONDS = 10.0


class PostgresOnCall:
    """Implements OnCallStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, priorities: Sequence[str], now: datetime, limit: int) -> list[WaitingAlert]:
        """Firing alerts that nobody has, the most urgent first."""
        parameters = {"priorities": list(priorities), "now": now, "limit": limit, "except_name": CANARY_ALERT}
        async with self._database.connection(ONCALL_SECONDS) as connection:
            rows = connection.cursor(row_factory=dict_row)
            await rows.execute(query("waiting_alerts"), parameters)
            return [_waiting(row) for row in await rows.fetchall()]

    async def make(self, step: Step, deliveries: Sequence[NewDelivery]) -> bool:
        """Record a step and its messages in one transaction; False when it was made already."""
        parameters = {
            "alert_id": step.alert_id,
            "waiting_since": step.waiting_since,
            "step": step.step,
            "due_at": step.due_at,
            "made_at": step.made_at,
            "people": list(step.people),
        }
        async with self._database.transaction(ONCALL_SECONDS) as connection:
            cursor = await connection.execute(query("add_escalation_step"), parameters)
            if cursor.rowcount == 0:
                return False
            for delivery in deliveries:
                await add_delivery(connection, delivery)
        return True

    async def histories(self, priorities: Sequence[str], since: datetime, limit: int) -> list[History]:
        """What happened to the alerts heard of since a moment, the newest first."""
        parameters = {"priorities": list(priorities), "since": since, "limit": limit, "except_name": CANARY_ALERT}
        async with self._database.connection(ONCALL_SECONDS) as connection:
            rows = connection.cursor(row_factory=dict_row)
            await rows.execute(query("escalation_histories"), parameters)
            return [_history(row) for row in await rows.fetchall()]

    async def overrides(self, since: datetime) -> list[Override]:
        """Overrides that end after a moment, in the order they were entered."""
        async with self._database.connection(ONCALL_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(Override))
            await rows.execute(query("list_overrides"), {"since": since})
            return await rows.fetchall()

    async def add_override(self, override: Override) -> Override:
        """Enter an override, with its entry in the action ledger."""
        detail = f"{override.person} from {override.starts_at:%Y-%m-%d %H:%MZ} to {override.ends_at:%Y-%m-%d %H:%MZ}"
        now = override.entered_at
        action = Action(0, "oncall_override", override.author, override.schedule, detail, now, now, "succeeded")
        parameters = {
            "schedule": override.schedule,
            "person": override.person,
            "author": override.author,
            "starts_at": override.starts_at,
            "ends_at": override.ends_at,
            "entered_at": override.entered_at,
        }
        async with self._database.transaction(ONCALL_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(Override))
            await rows.execute(query("add_override"), parameters)
            (entered,) = await rows.fetchall()
            await add_action(connection, action)
        return entered


def _waiting(row: dict[str, Any]) -> WaitingAlert:
    alert_id, since, last = row.pop("id"), row.pop("waiting_since"), row.pop("last_step")
    flapping = {field.name: row.pop(field.name) for field in dataclasses.fields(Flapping)}
    flaps = flapping["began_at"] is not None and flapping["ended_at"] is None
    return WaitingAlert(alert_id, Alert(**row), since, last, Flapping(**flapping) if flaps else None)


def _history(row: dict[str, Any]) -> History:
    return History(
        fingerprint=row["fingerprint"],
        name=row["name"],
        priority=row["priority"],
        begun_at=row["begun_at"],
        over_at=row["over_at"],
        acks=list(zip(row["ack_starts"], row["ack_ends"], strict=True)),
        made=dict(zip(row["made_due"], row["made_at"], strict=True)),
    )
