"""Alerts that flap, in PostgreSQL: followed in the transaction that stores their changes."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.flapping import Episode, Flapping, FlappingLimits, follow

FLAPPING_SECONDS = 10.0


class PostgresFlapping:
    """Implements FlappingStore."""

    def __init__(self, database: Database, limits: FlappingLimits, notes_events: bool) -> None:
        """``notes_events``: note for the outbox that an alert is calm."""
        self._database = database
        self._limits = limits
        self._notes_events = notes_events

    async def end_calm(self, now: datetime) -> list[str]:
        """End what has been calm long enough; returns the fingerprints."""
        parameters = {"now": now, "calm": self._limits.calm, "notes_events": self._notes_events}
        async with self._database.transaction(FLAPPING_SECONDS) as connection:
            await connection.execute(query("pull_back_flapping"), {"now": now})
            cursor = await connection.execute(query("end_flapping"), parameters)
            return [fingerprint for (fingerprint,) in await cursor.fetchall()]

    async def count(self) -> int:
        """How many alerts flap now."""
        async with self._database.connection(FLAPPING_SECONDS) as connection:
            row = await (await connection.execute(query("count_flapping"))).fetchone()
        return int(row[0]) if row else 0


async def follow_flapping(
    connection: AsyncConnection[Any], fingerprints: Sequence[str], limits: FlappingLimits
) -> None:
    """Bring what is known of flapping up to date after changes of these fingerprints, on their connection."""
    rows = connection.cursor(row_factory=dict_row)
    parameters = {"fingerprints": list(fingerprints), "fires": limits.fires, "window": limits.window}
    await rows.execute(query("flapping_candidates"), parameters)
    candidates = await rows.fetchall()
    if not candidates:
        return
    known = await latest_flapping(connection, list({row["fingerprint"] for row in candidates}))
    for fingerprint, mine in groupby(candidates, key=lambda row: row["fingerprint"]):
        episodes = [Episode(**{name: value for name, value in row.items() if name != "fingerprint"}) for row in mine]
        before = known.get(fingerprint)
        after = follow(before, episodes, limits)
        if after is None or after == before:
            continue
        values = {"fingerprint": fingerprint, **dataclasses.asdict(after)}
        await connection.execute(query("write_flapping"), values)
        if before is None or after.last_start_at > before.last_start_at:
            await connection.execute(query("carry_acknowledgement"), values)


async def latest_flapping(connection: AsyncConnection[Any], fingerprints: Sequence[str]) -> Mapping[str, Flapping]:
    """The latest time in which each of these fingerprints flapped, for those that ever did."""
    rows = connection.cursor(row_factory=dict_row)
    await rows.execute(query("latest_flapping"), {"fingerprints": list(fingerprints)})
    return {row.pop("fingerprint"): Flapping(**row) for row in await rows.fetchall()}
