"""Incidents in PostgreSQL."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from controlplane.adapters.store.actions import add_action
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.action import Action
from controlplane.domain.alert import Alert
from controlplane.domain.incident import (
    Candidate,
    Incident,
    IncidentAlert,
    IncidentNote,
    TimelineEntry,
    merged,
    place,
)
from controlplane.services.incidents.ports import Closing, Group, IncidentFilter, NewIncident, NewNote, Placed
from controlplane.services.notify.canary import CANARY_ALERT

READ_SECONDS = 5.0
LOOK_SECONDS = 15.0
BATCH = 500
MOST_ALERTS = 1000  # of an incident are kept in detail
MOST_ENTRIES = 1000  # of each kind are in a timeline
REOPENS_WITHIN = timedelta(days=7)
CONTROL_PLANE = "control plane"
_LOCK_KEY = 0x636D63746C69  # "cmctli": one numbers incidents at a time
_JOBS = ("backup",)  # restores and drills are in the action ledger


class PostgresIncidents:
    """Implements IncidentStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- opening and joining

    async def look(self, now: datetime, default_profile: str, join_window: timedelta) -> Placed:
        """Follow the alerts of incidents and place the new ones, in one transaction; several at once take turns."""
        async with self._database.transaction(LOOK_SECONDS) as connection:
            await connection.execute(query("lock_incidents"), {"key": _LOCK_KEY})
            reopened = await self._reopen_refired(connection, now)
            await connection.execute(query("follow_alerts"))
            await connection.execute(query("refresh_incidents"))
            incidents = await _read_open(connection)
            candidates = await _candidates(connection, "alerts_to_place", {"limit": BATCH})
            if incidents:
                wanted = {"limit": BATCH, "most": MOST_ALERTS, "join_window": join_window, "profile": default_profile}
                candidates += await _candidates(connection, "related_alerts", {**wanted, "except_name": CANARY_ALERT})
            if not candidates:
                return Placed(reopened=reopened)
            placing = place(candidates, incidents, default_profile, join_window, now)
            for number, members in placing.joined.items():
                await _join(connection, number, members, now)
            opened = []
            for draft in placing.opened:
                number = await _add(connection, draft.incident, now)
                await _join(connection, number, draft.members, now)
                opened.append(number)
            await connection.execute(query("refresh_incidents"))
        joined = sum(len(members) for members in placing.joined.values())
        return Placed(opened, joined, reopened, is_all=len(candidates) < BATCH)

    async def _reopen_refired(self, connection: AsyncConnection[Any], now: datetime) -> tuple[str, ...]:
        cursor = await connection.execute(query("reopen_refired"), {"since": now - REOPENS_WITHIN})
        numbers = tuple([number for (number,) in await cursor.fetchall()])
        for number in numbers:
            reason = "an alert of it fires again"
            await add_action(
                connection, Action(0, "incident_reopen", CONTROL_PLANE, number, reason, now, now, "succeeded")
            )
        return numbers

    async def open(self, wanted: NewIncident) -> Incident:
        """Open one by hand, with its entry in the action ledger."""
        incident = Incident(
            number="",
            state="open",
            title=wanted.title,
            title_zh=wanted.title,
            priority=wanted.priority,
            profile=wanted.profile,
            service=wanted.service,
            began_at=wanted.began_at,
            opened_at=wanted.at,
            opened_by=wanted.author,
            news_at=wanted.at,
            firing=False,
            alert_count=0,
        )
        async with self._database.transaction(READ_SECONDS) as connection:
            await connection.execute(query("lock_incidents"), {"key": _LOCK_KEY})
            number = await _add(connection, incident, wanted.at)
            await _record(connection, "incident_open", wanted.author, number, wanted.title, wanted.at)
        return dataclasses.replace(incident, number=number)

    # -- reading

    async def list_incidents(self, wanted: IncidentFilter) -> list[Incident]:
        """The wanted incidents, newest first."""
        async with self._database.connection(READ_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(Incident))
            await rows.execute(query("list_incidents"), dataclasses.asdict(wanted))
            return await rows.fetchall()

    async def alerts(self, number: str) -> list[IncidentAlert]:
        """The alerts of an incident that details are kept of, oldest first."""
        async with self._database.connection(READ_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(IncidentAlert))
            await rows.execute(query("incident_alerts"), {"number": number})
            return await rows.fetchall()

    async def notes(self, number: str) -> list[IncidentNote]:
        """What was written about it, oldest first."""
        async with self._database.connection(READ_SECONDS) as connection:
            rows = connection.cursor(row_factory=class_row(IncidentNote))
            await rows.execute(query("incident_notes"), {"number": number})
            return await rows.fetchall()

    async def kept_timeline(self, number: str) -> list[TimelineEntry]:
        """The timeline as it was kept when the incident was last closed."""
        async with self._database.connection(READ_SECONDS) as connection:
            cursor = await connection.execute(query("kept_timeline"), {"number": number})
            row = await cursor.fetchone()
        return [_decoded(entry) for entry in row[0]] if row else []

    async def happenings(
        self, incident: Incident, fingerprints: Sequence[str], before: datetime, end: datetime, until: datetime
    ) -> list[TimelineEntry]:
        """What the store knows of an incident's time, oldest first: alerts are not among it."""
        concerning = {"fingerprints": list(fingerprints), "start": incident.began_at, "end": end}
        around = {"number": incident.number, "before": before, "end": until, "tasks": list(_JOBS)}
        async with self._database.connection(READ_SECONDS) as connection:
            rows = connection.cursor(row_factory=dict_row)

            async def read(name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
                await rows.execute(query(name), {**parameters, "limit": MOST_ENTRIES})
                return await rows.fetchall()

            actions = await read("incident_actions", around) + await read("incident_acks", concerning)
            jobs = await read("incident_jobs", around)
            steps = await read("incident_escalations", {"number": incident.number})
            deliveries = await read("incident_deliveries", concerning)
        return merged(map(_of_job, jobs), map(_of_action, actions), map(_of_step, steps), map(_of_delivery, deliveries))

    # -- what people do

    async def note(self, note: NewNote) -> bool:
        """Write a note; False when there is no such incident."""
        async with self._database.transaction(READ_SECONDS) as connection:
            await connection.execute(query("add_incident_note"), dataclasses.asdict(note))
            cursor = await connection.execute(query("kept_timeline"), {"number": note.number})
            return await cursor.fetchone() is not None

    async def close(self, closing: Closing) -> bool:
        """Close it, with its entry in the action ledger; False when it is not open or an alert of it fires."""
        timeline = [_encoded(entry) for entry in closing.timeline]
        async with self._database.transaction(READ_SECONDS) as connection:
            await connection.execute(query("lock_incidents"), {"key": _LOCK_KEY})
            parameters = {field.name: getattr(closing, field.name) for field in dataclasses.fields(closing)}
            cursor = await connection.execute(query("close_incident"), {**parameters, "timeline": Jsonb(timeline)})
            if cursor.rowcount != 1:
                return False
            await _record(connection, "incident_close", closing.author, closing.number, closing.reason, closing.at)
        return True

    async def reopen(self, number: str, author: str, reason: str, at: datetime) -> bool:
        """Open it again, with its entry in the action ledger; False when it is not closed."""
        async with self._database.transaction(READ_SECONDS) as connection:
            await connection.execute(query("lock_incidents"), {"key": _LOCK_KEY})
            cursor = await connection.execute(query("reopen_incident"), {"number": number})
            if cursor.rowcount != 1:
                return False
            await _record(connection, "incident_reopen", author, number, reason, at)
        return True

    async def to_close(self, before: datetime) -> list[str]:
        """Open incidents whose alerts had all ended before a moment."""
        async with self._database.connection(READ_SECONDS) as connection:
            cursor = await connection.execute(query("incidents_to_close"), {"before": before})
            return [number for (number,) in await cursor.fetchall()]

    async def figures(self, since: datetime) -> list[Group]:
        """Counts and means, of open incidents and of those that began since a moment."""
        async with self._database.connection(READ_SECONDS) as connection:
            rows = connection.cursor(row_factory=dict_row)
            await rows.execute(query("incident_figures"), {"since": since})
            return [
                Group(**{**row, "mtta": _number(row["mtta"]), "mttr": _number(row["mttr"])})
                for row in await rows.fetchall()
            ]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


async def _read_open(connection: AsyncConnection[Any]) -> list[Incident]:
    rows = connection.cursor(row_factory=class_row(Incident))
    await rows.execute(query("open_incidents"))
    return await rows.fetchall()


async def _candidates(connection: AsyncConnection[Any], name: str, parameters: Mapping[str, Any]) -> list[Candidate]:
    rows = connection.cursor(row_factory=dict_row)
    await rows.execute(query(name), parameters)
    return [Candidate(row.pop("id"), Alert(**row)) for row in await rows.fetchall()]


async def _add(connection: AsyncConnection[Any], incident: Incident, now: datetime) -> str:
    values = {field.name: getattr(incident, field.name) for field in dataclasses.fields(incident)}
    cursor = await connection.execute(query("add_incident"), {**values, "day": now.astimezone(UTC).date()})
    (row,) = await cursor.fetchall()
    return str(row[0])


async def _join(connection: AsyncConnection[Any], number: str, members: Sequence[Candidate], now: datetime) -> None:
    ids = [member.alert_id for member in members]
    await connection.execute(query("join_incident"), {"number": number, "ids": ids, "now": now, "most": MOST_ALERTS})


async def _record(
    connection: AsyncConnection[Any], kind: str, author: str, number: str, detail: str, at: datetime
) -> None:
    await add_action(connection, Action(0, kind, author, number, detail, at, at, "succeeded"))


def _of_action(row: Mapping[str, Any]) -> TimelineEntry:
    return TimelineEntry(
        row["at"], row["kind"], row["subject"], row["actor"], row["detail"], row["outcome"], row["until"]
    )


def _of_job(row: Mapping[str, Any]) -> TimelineEntry:
    return TimelineEntry(
        row["started_at"], row["task"], "", CONTROL_PLANE, row["detail"], row["outcome"], row["finished_at"]
    )


def _of_step(row: Mapping[str, Any]) -> TimelineEntry:
    return TimelineEntry(
        row["made_at"], "escalation", row["name"], CONTROL_PLANE, f"{row['step']}: {', '.join(row['people'])}"
    )


def _of_delivery(row: Mapping[str, Any]) -> TimelineEntry:
    detail = row["last_error"] if row["status"] == "dead" else row["title"]
    return TimelineEntry(
        row["created_at"], "delivery", row["receiver"], row["kind"], detail, row["status"], row["finished_at"]
    )


def _encoded(entry: TimelineEntry) -> dict[str, Any]:
    values = dataclasses.asdict(entry)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _decoded(values: Mapping[str, Any]) -> TimelineEntry:
    moments = {
        name: datetime.fromisoformat(values[name]).astimezone(UTC) if values[name] else None for name in ("at", "until")
    }
    return TimelineEntry(**{**values, **moments})
