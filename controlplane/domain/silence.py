"""Silences that maintenance wants in Alertmanager, against those that are there."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from controlplane.domain.maintenance import Maintenance
from controlplane.domain.slo.selector import Matcher

SilenceState = Literal["active", "pending", "expired"]
# Made so long before a window opens, so that a control plane that is down at that moment does no harm.
LEAD = timedelta(hours=24)
_MARK = re.compile(r"\[maintenance (?P<id>\d+), cmctl (?P<key>[A-Za-z0-9_.:-]+)/(?P<start>[0-9TZ:-]+)\]$")


@dataclass(frozen=True)
class Silence:
    """A silence. ``id`` is Alertmanager's, empty until it is made."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    state: SilenceState = "pending"

    @property
    def mark(self) -> tuple[str, str] | None:
        """Key of the maintenance and start of the window that this is for; None for somebody else's silence."""
        match = _MARK.search(self.comment)
        return (match["key"], match["start"]) if match else None


@dataclass(frozen=True)
class SilencePlan:
    """What makes Alertmanager's silences those that maintenance wants."""

    create: Sequence[Silence]
    expire: Sequence[Silence]


def wanted_silences(entries: Iterable[Maintenance], now: datetime) -> list[Silence]:
    """A silence for every window that is open or opens soon."""
    return [
        Silence(
            "", entry.all_matchers, window.starts_at, window.ends_at, entry.author, _comment(entry, window.starts_at)
        )
        for entry in entries
        for window in entry.windows(now, now + LEAD)
    ]


def _comment(entry: Maintenance, start: datetime) -> str:
    return f"{entry.reason} [maintenance {entry.id}, cmctl {entry.key}/{_moment(start)}]"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def plan(entries: Sequence[Maintenance], present: Sequence[Silence], now: datetime) -> SilencePlan:
    """Compare. The mark in the comment is the only memory, so nothing is made twice whatever was forgotten.

    A silence that somebody expired by hand stays expired: they wanted the alerts. Marks of keys that are not ours
    belong to another control plane and are left alone.
    """
    ours = {entry.key for entry in entries}
    marked = [silence for silence in present if silence.mark is not None and silence.mark[0] in ours]
    wanted = {silence.mark: silence for silence in wanted_silences(entries, now)}
    there: set[tuple[str, str] | None] = set()
    expire: list[Silence] = []
    for silence in sorted(marked, key=lambda one: one.state == "expired"):
        is_wanted = silence.mark in wanted and _end_alike(silence, wanted[silence.mark])
        if silence.state == "expired" or (is_wanted and silence.mark not in there):
            there.add(silence.mark)
        else:
            expire.append(silence)
    return SilencePlan([silence for mark, silence in wanted.items() if mark not in there], expire)


def _end_alike(one: Silence, other: Silence) -> bool:
    """Alertmanager keeps milliseconds."""
    return abs(one.ends_at - other.ends_at) < timedelta(seconds=1)
