"""An alert: one firing label set, as Alertmanager reports it.

Identity is the fingerprint plus the start. Source of the wire format:
prometheus/alertmanager template/template.go (Data, Alert) and
notify/webhook/webhook.go (Message, version 4).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

AlertState = Literal["firing", "resolved"]
# Why an alert is over: Alertmanager said so; a newer episode of the same fingerprint began, so this one had ended;
# Alertmanager has not known it for longer than its resolve timeout, or a person said so (cmctl alerts resolve).
EndReason = Literal["notified", "superseded", "stale"]
Priority = Literal["P0", "P1", "P2", "P3"]

SEVERITIES = ("critical", "error", "warning", "info")
_PRIORITY_OF_SEVERITY: Mapping[str, Priority] = {"critical": "P0", "error": "P1", "warning": "P2", "info": "P3"}
_PRIORITY_OF_LABEL: Mapping[str, Priority] = {"P0": "P0", "P1": "P1", "P2": "P2", "P3": "P3"}

# A firing notification this long after the resolved one is news, not a late delivery: Alertmanager gives up retrying
# a notification after its group interval, and resolves an alert by itself when Prometheus was out of reach.
REOPEN_AFTER = timedelta(minutes=5)

_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_SEPARATOR = 255


@dataclass(frozen=True, slots=True)
class Alert:
    """One state of one alert. Datetimes are timezone-aware UTC; ``ends_at`` is None while it fires.

    ``received_at`` is when the last notification of it came. ``end_reason`` says
    why a resolved alert is over. Only "notified" makes ``ends_at`` exact: a
    superseded alert ended at that time at the latest, and a stale one at some
    time between its last notification and then. ``acknowledged_at`` is when somebody first took it on, and stays when
    that is over; ``incident`` is the number of the incident that it belongs to.
    While it flaps, ``flapping_since`` is since when and ``flapping_fires`` how often it has begun to fire since then.
    """

    fingerprint: str
    name: str
    state: AlertState
    severity: str
    priority: Priority
    starts_at: datetime
    ends_at: datetime | None
    received_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    generator_url: str = ""
    receiver: str = ""
    group_key: str = ""
    acknowledged_by: str | None = None
    end_reason: EndReason | None = None
    acknowledged_until: datetime | None = None
    acknowledged_at: datetime | None = None
    incident: str | None = None
    flapping_since: datetime | None = None
    flapping_fires: int | None = None


@dataclass(frozen=True)
class StateChange:
    """One entry of an alert's history: since when it was firing or resolved, and when we heard of it."""

    starts_at: datetime
    state: AlertState
    at: datetime
    received_at: datetime


def priority_of(labels: Mapping[str, str]) -> Priority:
    """Priority from the ``priority`` label, else from the severity, else P3."""
    named = labels.get("priority")
    if named is not None and named.upper() in _PRIORITY_OF_LABEL:
        return _PRIORITY_OF_LABEL[named.upper()]
    return _PRIORITY_OF_SEVERITY.get(labels.get("severity", "").lower(), "P3")


@dataclass(slots=True)
class Sightings:
    """When each kind of notification of one episode was received, and the end that its resolved ones give."""

    first_received_at: datetime
    firing_seen_at: datetime | None = None
    resolved_seen_at: datetime | None = None
    notified_end: datetime | None = None
    stale_seen_at: datetime | None = None
    stale_end: datetime | None = None


def settle(
    seen: Sightings, newer_episodes: Iterable[tuple[datetime, datetime]] = ()
) -> tuple[AlertState, datetime | None, EndReason | None]:
    """State, end and reason of one episode from when each kind of notification was received.

    ``newer_episodes`` are later starts of the same fingerprint, each with when
    it was first heard of: an alert that begins anew had ended. The result does
    not depend on the order of notifications, so late, repeated and swapped ones
    end in the same state. The store's queries ``move_alerts`` and
    ``supersede_alerts`` follow the same rule; a test compares the two.
    """
    if seen.resolved_seen_at is not None and not _is_news(seen.firing_seen_at, seen.resolved_seen_at):
        return "resolved", seen.notified_end, "notified"
    ends = [start for start, heard_at in newer_episodes if not _is_news(seen.firing_seen_at, heard_at)]
    if ends:
        return "resolved", min(ends), "superseded"
    if seen.stale_seen_at is not None and (seen.firing_seen_at is None or seen.stale_seen_at >= seen.firing_seen_at):
        return "resolved", seen.stale_end, "stale"
    return "firing", None, None


def _is_news(firing_seen_at: datetime | None, closed_at: datetime) -> bool:
    """Whether an alert was seen firing so long after its end that the end does not hold."""
    return firing_seen_at is not None and firing_seen_at > closed_at + REOPEN_AFTER


def label_fingerprint(labels: Mapping[str, str]) -> str:
    """Fingerprint that Alertmanager computes from labels: 64-bit FNV-1a, 16 hex digits.

    Source: prometheus/common model/signature.go (labelSetToFingerprint).
    """
    value = _FNV_OFFSET
    for name in sorted(labels, key=_utf8):
        for byte in (*_utf8(name), _SEPARATOR, *_utf8(labels[name]), _SEPARATOR):
            value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")


@dataclass(frozen=True)
class AlertCursor:
    """A place in the order of a list of alerts: the last one that was seen."""

    state: AlertState
    starts_at: datetime
    fingerprint: str


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts are wanted; None and empty mean all. ``limit`` None means no limit."""

    state: AlertState | None = None
    severity: str | None = None
    since: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str | None = None
    after: AlertCursor | None = None
    limit: int | None = None

    def matches(self, alert: Alert) -> bool:
        """Whether an alert is wanted. ``since`` compares with the last notification of it."""
        return (
            (self.state is None or alert.state == self.state)
            and (self.severity is None or alert.severity == self.severity)
            and (self.fingerprint is None or alert.fingerprint == self.fingerprint)
            and (self.since is None or alert.received_at >= self.since)
            and all(alert.labels.get(name) == value for name, value in self.labels.items())
            and (self.after is None or _order(alert) > _order(self.after))
        )


def _order(place: Alert | AlertCursor) -> tuple[str, float, str]:
    """Firing before resolved, newest start first."""
    return (place.state, -place.starts_at.timestamp(), place.fingerprint)


def select(alerts: Iterable[Alert], wanted: AlertFilter) -> list[Alert]:
    """The wanted alerts, firing before resolved, newest start first."""
    found = sorted((alert for alert in alerts if wanted.matches(alert)), key=_order)
    return found if wanted.limit is None else found[: wanted.limit]
