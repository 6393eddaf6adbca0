"""Maintenance: announced windows that do not count against objectives and whose alerts are silenced.

What of a window lies before the moment it was entered is *after the fact*,
whatever the window is called; reports keep it apart, so that nobody can make
an outage look planned.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.recurrence import starts
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.selector import Matcher

MaintenanceState = Literal["planned", "active", "over", "withdrawn"]
SERVICE_LABEL = "service"


@dataclass(frozen=True)
class Window:
    """A stretch of time, starts_at included, ends_at not."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Maintenance:
    """One entry. ``starts_at`` and ``ends_at`` are the first window; ``recurrence`` repeats it.

    ``services`` and ``matchers`` together say what it is for: a label ``service`` that is one of them, and every
    matcher. ``key`` is unique everywhere and chosen by whoever enters it, so that entering twice is entering once.
    ``id`` is 0 until it is stored.
    """

    id: int
    key: str
    author: str
    reason: str
    services: tuple[str, ...]
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    recurrence: str | None
    time_zone: str
    entered_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    withdrawn: bool = False

    @property
    def all_matchers(self) -> tuple[Matcher, ...]:
        """Services and matchers as matchers of labels, as Alertmanager takes them."""
        if not self.services:
            return self.matchers
        if len(self.services) == 1:
            return (Matcher(SERVICE_LABEL, "=", self.services[0]), *self.matchers)
        pattern = "|".join(re.escape(service) for service in self.services)
        return (Matcher(SERVICE_LABEL, "=~", pattern), *self.matchers)

    def windows(self, start: datetime, end: datetime) -> list[Window]:
        """Windows that overlap (start, end), whole, ascending; cut where the maintenance was ended."""
        if self.withdrawn:
            return []
        length = self.ends_at - self.starts_at
        moments: Iterable[datetime] = (
            starts(self.recurrence, self.starts_at, self.time_zone, end) if self.recurrence else (self.starts_at,)
        )
        found = []
        for moment in moments:
            finish = moment + length if self.ended_at is None else min(moment + length, self.ended_at)
            if moment < end and finish > max(start, moment):
                found.append(Window(moment, finish))
        return found

    def next_window(self, now: datetime, within: timedelta) -> Window | None:
        """The window that is open now, else the next that opens in time."""
        return next(iter(self.windows(now, now + within)), None)

    def state(self, now: datetime) -> MaintenanceState:
        """Where the entry stands."""
        if self.withdrawn:
            return "withdrawn"
        window = self.next_window(now, timedelta(days=400))
        if window is None:
            return "over"
        return "active" if window.starts_at <= now else "planned"


@dataclass(frozen=True)
class Exclusion:
    """A part of a window that does not count; ``planned`` is False for what was entered after the fact."""

    maintenance_id: int
    author: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    planned: bool


def labels_of(objective: Objective) -> dict[str, str]:
    """The labels by which maintenance finds an objective: those of its generated alerts."""
    return {
        SERVICE_LABEL: objective.service,
        "sloth_service": objective.service,
        "sloth_slo": objective.name,
        "sloth_id": f"{objective.service}-{objective.name}",
    }


def matches(matchers: Sequence[Matcher], labels: dict[str, str]) -> bool:
    """Whether labels satisfy every matcher; a label that is missing is empty, as in Alertmanager."""
    return all(_matches(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def _matches(matcher: Matcher, value: str) -> bool:
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) == (matcher.operator == "=")
    return bool(re.fullmatch(matcher.value, value)) == (matcher.operator == "=~")


def applies_to(maintenance: Maintenance, objective: Objective) -> bool:
    """Whether a maintenance is for an objective.

    One by labels that the objective does not carry, such as one instance of several, silences alerts and excludes
    nothing.
    """
    return matches(maintenance.all_matchers, labels_of(objective))


def exclusions_of(
    entries: Iterable[Maintenance], objective: Objective, start: datetime, end: datetime
) -> list[Exclusion]:
    """Every exclusion of an objective within (start, end), cut to it, by start; overlapping ones are all listed."""
    found = [
        exclusion
        for entry in entries
        if applies_to(entry, objective)
        for window in entry.windows(start, end)
        for exclusion in _split(entry, Window(max(start, window.starts_at), min(end, window.ends_at)))
    ]
    return sorted(found, key=lambda one: (one.starts_at, one.maintenance_id))


def _split(entry: Maintenance, window: Window) -> list[Exclusion]:
    """What was entered after the fact, and what was announced before."""
    whole = Exclusion(entry.id, entry.author, entry.reason, window.starts_at, window.ends_at, planned=True)
    if entry.entered_at <= window.starts_at:
        return [whole]
    if entry.entered_at >= window.ends_at:
        return [replace(whole, planned=False)]
    return [replace(whole, ends_at=entry.entered_at, planned=False), replace(whole, starts_at=entry.entered_at)]


def within(exclusions: Iterable[Exclusion], start: datetime, end: datetime) -> list[Exclusion]:
    """Exclusions cut to (start, end); those outside are left out."""
    cut = [replace(one, starts_at=max(one.starts_at, start), ends_at=min(one.ends_at, end)) for one in exclusions]
    return [one for one in cut if one.starts_at < one.ends_at]


def merged(windows: Iterable[Window]) -> list[Window]:
    """Windows that neither overlap nor touch, ascending."""
    found: list[Window] = []
    for window in sorted(windows, key=lambda one: one.starts_at):
        if found and window.starts_at <= found[-1].ends_at:
            found[-1] = Window(found[-1].starts_at, max(found[-1].ends_at, window.ends_at))
        else:
            found.append(window)
    return found


def excluded_seconds(exclusions: Sequence[Exclusion], planned: bool) -> float:
    """Time excluded by announced maintenance, or by what was entered after the fact and by nothing announced."""
    announced = _seconds(one for one in exclusions if one.planned)
    return announced if planned else _seconds(exclusions) - announced


def _seconds(exclusions: Iterable[Exclusion]) -> float:
    windows = merged(Window(one.starts_at, one.ends_at) for one in exclusions)
    return sum((window.ends_at - window.starts_at).total_seconds() for window in windows)
