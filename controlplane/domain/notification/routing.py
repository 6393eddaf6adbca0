"""Routes: which receivers an alert goes to, by label, severity, priority, profile and time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo

from controlplane.domain.alert import Alert

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class TimeWindow:
    """Part of a week on the clocks of a time zone.

    ``end`` is excluded; an end not later than the start is on the next day,
    which then belongs to the day the window began on. ``is_outside`` turns the
    window round: whatever is not in it.
    """

    time_zone: str
    days: frozenset[str] = frozenset(DAYS)
    start: time = time(0, 0)
    end: time = time(0, 0)
    is_outside: bool = False

    def contains(self, moment: datetime) -> bool:
        """Whether a timezone-aware moment is in the window."""
        local = moment.astimezone(ZoneInfo(self.time_zone))
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        clock = local.time()
        if self.start < self.end:
            inside = today in self.days and self.start <= clock < self.end
        else:
            inside = (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)
        return inside != self.is_outside


@dataclass(frozen=True)
class Route:
    """Conditions, all of which must hold, and where to. An empty condition holds always.

    ``matchers`` are regular expressions for the whole value of a label; a
    missing label is an empty value.
    """

    name: str
    receivers: tuple[str, ...]
    matchers: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    severities: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    windows: tuple[TimeWindow, ...] = ()
    goes_on: bool = False

    def matches(self, alert: Alert, profile: str, at: datetime) -> bool:
        """Whether the route is for this alert at this moment."""
        return (
            (not self.severities or alert.severity in self.severities)
            and (not self.priorities or alert.priority in self.priorities)
            and (not self.profiles or profile in self.profiles)
            and all(pattern.fullmatch(alert.labels.get(name, "")) for name, pattern in self.matchers.items())
            and (not self.windows or any(window.contains(at) for window in self.windows))
        )


def receivers_of(alert: Alert, routes: Sequence[Route], default_profile: str, at: datetime) -> tuple[str, ...]:
    """Receivers of an alert, each once: those of the first route that matches, and of the next while routes go on.

    The profile is the alert's label of that name, else ``default_profile``.
    """
    profile = alert.labels.get("profile", default_profile)
    found: dict[str, None] = {}
    for route in routes:
        if route.matches(alert, profile, at):
            found.update(dict.fromkeys(route.receivers))
            if not route.goes_on:
                break
    return tuple(found)
