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

    ``received_at`` is when the last notification of it came.
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


def settled_state(firing_seen_at: datetime | None, resolved_seen_at: datetime | None) -> AlertState:
    """State of one alert from when each kind of notification was last received.

    It does not depend on their order, so late, repeated and swapped
    notifications end in the same state. The store's query ``move_alerts``
    follows the same rule; a test compares the two.
    """
    if resolved_seen_at is None:
        return "firing"
    if firing_seen_at is not None and firing_seen_at > resolved_seen_at + REOPEN_AFTER:
        return "firing"
    return "resolved"


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
