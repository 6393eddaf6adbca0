"""Daily roll-ups of objectives in PostgreSQL. Apart from the other stores, because it needs numpy."""

import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import Any

from psycopg.rows import tuple_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.slo.days import DayQuantities
from controlplane.domain.slo.quantities import Quantities

DAYS_SECONDS = 30.0


class PostgresDayStore:
    """Implements DayStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, wanted: Sequence[tuple[str, str]], first: date, last: date) -> list[DayQuantities]:
        """Days of objectives, each given by name and definition."""
        parameters = {
            "objectives": [objective for objective, _ in wanted],
            "definitions": [definition for _, definition in wanted],
            "first": first,
            "last": last,
        }
        async with self._database.connection(DAYS_SECONDS) as connection:
            cursor = connection.cursor(row_factory=tuple_row, binary=True)
            await cursor.execute(query("read_slo_days"), parameters)
            return [_day(*row) for row in await cursor.fetchall()]

    async def save(self, days: Sequence[DayQuantities]) -> None:
        """Store days in one transaction; those that are there already are replaced."""
        if not days:
            return
        async with self._database.transaction(DAYS_SECONDS) as connection:
            await connection.cursor().executemany(query("save_slo_day"), [_row(day) for day in days])


def _row(day: DayQuantities) -> dict[str, Any]:
    fields = {field.name: getattr(day, field.name) for field in dataclasses.fields(day)}
    return {**fields, **dataclasses.asdict(day.quantities)}


def _day(objective: str, definition: str, day: date, unit: Any, *figures: Any) -> DayQuantities:
    *amounts, observed_seconds, exclusions, computed_at = figures
    quantities = Quantities(unit, *amounts)
    return DayQuantities(objective, definition, day, quantities, observed_seconds, exclusions, computed_at)
