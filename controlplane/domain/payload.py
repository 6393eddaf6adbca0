"""Alertmanager's webhook payload, version 4: validation and translation into alerts.

Source: prometheus/alertmanager notify/webhook/webhook.go (Message) and
template/template.go (Data, Alert). Only ``alerts`` is required: whatever else
is missing is computed, because people also post by hand.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from controlplane.domain.alert import Alert, AlertState, label_fingerprint, priority_of
from controlplane.domain.payload_text import PayloadProblem, cut

SUPPORTED_VERSION = "4"
MAX_PROBLEMS_KEPT = 20
_FINGERPRINT = re.compile(r"[0-9A-Za-z_.:-]{1,128}\Z")
_NO_STRINGS: Mapping[str, str] = {}
_STRING = frozenset({str})

FindStart = Callable[[str], datetime | None]


@dataclass(frozen=True)
class SetAside:
    """One alert of a group that cannot be understood: its index, the field and the problem."""

    index: int
    field: str
    problem: str


@dataclass(frozen=True)
class ParsedPayload:
    """What a payload holds. ``truncated_alerts`` is how many Alertmanager left out by its max_alerts."""

    alerts: list[Alert]
    set_aside: list[SetAside]
    truncated_alerts: int
    version: str


class _Context(NamedTuple):
    """What all alerts of one payload share."""

    received_at: datetime
    find_start: FindStart
    max_value_bytes: int
    group_status: AlertState
    receiver: str
    group_key: str


def parse_payload(document: Any, received_at: datetime, find_start: FindStart, max_value_bytes: int) -> ParsedPayload:
    """Translate a decoded payload.

    ``find_start`` gives the start of the alert that fires with a fingerprint,
    for senders that leave ``startsAt`` out. Values longer than
    ``max_value_bytes`` are cut. A bad alert is set aside and the others kept.
    Raises PayloadProblem when nothing can be kept.
    """
    if not isinstance(document, dict):
        raise PayloadProblem("body", "must be a JSON object")
    items = document.get("alerts")
    if not isinstance(items, list):
        raise PayloadProblem("alerts", "must be a list of alerts")
    context = _context(document, received_at, find_start, max_value_bytes)
    alerts, set_aside = _parse_all(items, context)
    if set_aside and not alerts:
        first = set_aside[0]
        raise PayloadProblem(f"alerts[{first.index}]{first.field}", first.problem)
    truncated = document.get("truncatedAlerts")
    return ParsedPayload(
        alerts=alerts,
        set_aside=set_aside,
        truncated_alerts=truncated if type(truncated) is int and truncated > 0 else 0,
        version=str(document.get("version") or SUPPORTED_VERSION),
    )


def _context(
    document: Mapping[str, Any], received_at: datetime, find_start: FindStart, max_value_bytes: int
) -> _Context:
    return _Context(
        received_at=received_at,
        find_start=find_start,
        max_value_bytes=max_value_bytes,
        group_status="resolved" if document.get("status") == "resolved" else "firing",
        receiver=_optional_text(document.get("receiver"), max_value_bytes),
        group_key=_optional_text(document.get("groupKey"), max_value_bytes),
    )


def _parse_all(items: list[Any], context: _Context) -> tuple[list[Alert], list[SetAside]]:
    alerts: list[Alert] = []
    set_aside: list[SetAside] = []
    for index, item in enumerate(items):
        try:
            alerts.append(_parse_alert(item, context))
        except _BadAlert as bad:
            set_aside.append(SetAside(index, bad.field, bad.problem))
    return alerts, set_aside


class _BadAlert(Exception):
    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem


def _parse_alert(item: Any, context: _Context) -> Alert:
    if type(item) is not dict:
        raise _BadAlert("", "must be an object")
    state = _state(item.get("status"), context.group_status)
    whole_labels = _strings(item, "labels")
    labels = _cut_values(whole_labels, context.max_value_bytes)
    fingerprint = _fingerprint(item.get("fingerprint"), whole_labels)
    starts_at = _time(item, "startsAt") or context.find_start(fingerprint) or context.received_at
    return Alert(
        fingerprint,
        labels.get("alertname", ""),
        state,
        labels.get("severity", ""),
        priority_of(labels),
        starts_at,
        _ends_at(item, state, starts_at, context.received_at),
        context.received_at,
        labels,
        _cut_values(_strings(item, "annotations"), context.max_value_bytes),
        _optional_text(item.get("generatorURL"), context.max_value_bytes),
        context.receiver,
        context.group_key,
        None,
        None if state == "firing" else "notified",
    )


def _state(value: Any, group_status: AlertState) -> AlertState:
    if value == "firing":
        return "firing"
    if value == "resolved":
        return "resolved"
    if value is None:
        return group_status
    raise _BadAlert(".status", "must be 'firing' or 'resolved'")


def _fingerprint(value: Any, labels: Mapping[str, str]) -> str:
    if not value and (value is None or value == ""):
        return label_fingerprint(labels)
    if type(value) is str and _FINGERPRINT.match(value):
        return value
    raise _BadAlert(".fingerprint", "must be 1 to 128 letters, digits, '.', ':', '_' or '-'")


def _ends_at(item: Mapping[str, Any], state: AlertState, starts_at: datetime, received_at: datetime) -> datetime | None:
    ends_at = _time(item, "endsAt")
    if state == "firing":
        return None
    return ends_at or max(received_at, starts_at)


def _strings(item: Mapping[str, Any], key: str) -> Mapping[str, str]:
    """A mapping of strings, as it came. Raises _BadAlert naming the first wrong entry."""
    value = item.get(key)
    if value is None:
        return _NO_STRINGS
    if type(value) is not dict:
        raise _BadAlert(f".{key}", "must be an object of strings")
    if not {*map(type, value.values())} <= _STRING:  # a loop in C: this runs for every alert
        name = next(name for name, text in value.items() if type(text) is not str)
        raise _BadAlert(f".{key}[{name[:100]!r}]", "must be a string")
    return value


def _cut_values(values: Mapping[str, str], max_bytes: int) -> Mapping[str, str]:
    if not values or max(*map(len, values), *map(len, values.values())) * 4 <= max_bytes:
        return values
    return {cut(name, max_bytes): cut(text, max_bytes) for name, text in values.items()}


def _optional_text(value: Any, max_bytes: int) -> str:
    return cut(value, max_bytes) if type(value) is str else ""


def _time(item: Mapping[str, Any], key: str) -> datetime | None:
    """A time, or None when it is missing or Go's zero time (0001-01-01T00:00:00Z)."""
    value = item.get(key)
    if value is None or value == "":
        return None
    try:
        return _parse_time(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _BadAlert(f".{key}", "must be an RFC 3339 time with a zone") from error


@lru_cache(maxsize=1024)
def _parse_time(text: str) -> datetime | None:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return None if moment.year == 1 else moment.astimezone(UTC)
