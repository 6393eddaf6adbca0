"""When an alert that nobody takes on goes a step further, and whether every step was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.domain.alert import Priority

# The response times of the operations handbook.
RESPONSE_SECONDS: Mapping[Priority, float] = {"P0": 900.0, "P1": 3600.0, "P2": 14400.0, "P3": 86400.0}


@dataclass(frozen=True)
class Chain:
    """Who is told, step by step, of alerts of some priorities. A step names schedules and receivers."""

    name: str
    priorities: frozenset[Priority]
    steps: tuple[tuple[str, ...], ...]


def due_at(waiting_since: datetime, step: int, response: timedelta) -> datetime:
    """When a step (from 1) is due: each after one more response time of waiting."""
    return waiting_since + response * step


def next_step(waiting_since: datetime, last_step: int, steps: int, response: timedelta, now: datetime) -> int | None:
    """The step to make now, one at a time and none left out; None when none is due."""
    step = last_step + 1
    return step if step <= steps and due_at(waiting_since, step, response) <= now else None


@dataclass(frozen=True)
class History:
    """What happened to one alert, as its records tell it, apart from what escalation decided at the time."""

    fingerprint: str
    name: str
    priority: Priority
    begun_at: datetime
    over_at: datetime | None
    acks: Sequence[tuple[datetime, datetime]]
    made: Mapping[datetime, datetime]  # when a step was due: when it was made


@dataclass(frozen=True)
class Missed:
    """A step that was due and was not made, or was made late."""

    fingerprint: str
    name: str
    priority: Priority
    step: int
    due_at: datetime
    made_at: datetime | None


def missed_steps(history: History, steps: int, response: timedelta, grace: timedelta, now: datetime) -> list[Missed]:
    """Steps that an alert should have made and did not make within ``grace``.

    Worked out anew from when it began, was acknowledged and ended.
    """
    found = []
    for start, end in _waits(history, now):
        for step in range(1, steps + 1):
            due = due_at(start, step, response)
            if due + grace >= end:
                break
            made = history.made.get(due)
            if made is None or made > due + grace:
                found.append(Missed(history.fingerprint, history.name, history.priority, step, due, made))
    return found


def _waits(history: History, now: datetime) -> list[tuple[datetime, datetime]]:
    """Stretches in which it fired and was nobody's."""
    over = min(history.over_at or now, now)
    waits = []
    start = history.begun_at
    for taken, given_back in sorted(history.acks):
        if taken > start:
            waits.append((start, min(taken, over)))
        start = max(start, given_back)
    waits.append((start, over))
    return [(start, end) for start, end in waits if start < end]
