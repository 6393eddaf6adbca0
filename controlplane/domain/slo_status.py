"""Where an objective stands, in a line: what ``cmctl status`` and /api/v1/status show of ``cmctl slo status``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Worst first.
_ORDER = ("missed", "at_risk", "not_enough_data", "met")


@dataclass(frozen=True)
class ObjectiveStatus:
    """Ratios are 0..1, None is unknown; ``evaluated_at`` says how old this is."""

    name: str
    service: str
    title: str
    verdict: str
    sli: float | None
    objective: float
    coverage: float
    error_budget_remaining: float | None
    burn_rate: float | None
    trend: str
    time_to_exhaustion_seconds: float | None
    evaluated_at: datetime


def objective_status(record: Mapping[str, Any], evaluated_at: datetime) -> ObjectiveStatus:
    """A line from a whole record. Raises KeyError when it is none."""
    names = [name for name in ObjectiveStatus.__dataclass_fields__ if name != "evaluated_at"]
    return ObjectiveStatus(**{name: record[name] for name in names}, evaluated_at=evaluated_at)


def worst_first(objectives: Sequence[ObjectiveStatus]) -> list[ObjectiveStatus]:
    """By verdict, then by what is left of the budget; what is not known comes before what is met."""

    def rank(one: ObjectiveStatus) -> tuple[int, float, str]:
        place = _ORDER.index(one.verdict) if one.verdict in _ORDER else 0
        remaining = one.error_budget_remaining
        return place, remaining if remaining is not None else 1.0, one.name

    return sorted(objectives, key=rank)
