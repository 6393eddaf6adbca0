"""What people enter, checked: from a request to a Maintenance. Every problem names the field and the remedy."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from controlplane.domain.maintenance import SERVICE_LABEL, Maintenance
from controlplane.domain.payload_text import PayloadProblem
from controlplane.domain.recurrence import parse_rule
from controlplane.domain.slo.selector import Matcher

LONGEST = timedelta(days=31)
FURTHEST = timedelta(days=400)
MAX_TEXT = 500
MAX_ITEMS = 50
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_WORK = re.compile(r"[a-z][a-z_]{0,30}")
# Kinds of the action ledger that are no work.
RESERVED_WORK = frozenset({"maintenance", "acknowledge", "unacknowledge", "oncall_override"})
_MATCHER = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """What was asked for. Without ``starts_at`` it begins now; with ``everything`` it is for every service.

    ``work`` is the kind of the action that opens it, such as deploy: one window, which runs until somebody ends it.
    """

    key: str
    author: str
    reason: str
    services: Sequence[str]
    matchers: Sequence[str]
    everything: bool
    starts_at: datetime | None
    ends_at: datetime | None
    duration_seconds: float | None
    recurrence: str | None
    time_zone: str
    work: str | None = None


def accept(entry: Entry, now: datetime) -> Maintenance:
    """A maintenance that can be stored. Raises PayloadProblem."""
    if not _KEY.fullmatch(entry.key):
        raise PayloadProblem("key", "must be 1 to 100 letters, digits, '_', '.', ':' or '-'")
    starts_at = _start(entry, now)
    ends_at = _end(entry, starts_at)
    _check_time(starts_at, ends_at, now)
    zone = _time_zone(entry.time_zone)
    _check_work(entry)
    return Maintenance(
        id=0,
        key=entry.key,
        author=checked_text("author", entry.author),
        reason=checked_text("reason", entry.reason),
        services=_services(entry.services),
        matchers=_scope(entry),
        starts_at=starts_at,
        ends_at=ends_at,
        recurrence=_recurrence(entry.recurrence, starts_at, ends_at, zone),
        time_zone=zone,
        entered_at=now,
    )


def _check_work(entry: Entry) -> None:
    if entry.work is None:
        return
    if not _WORK.fullmatch(entry.work) or entry.work in RESERVED_WORK:
        raise PayloadProblem("work", "must be a word in small letters for what is done, such as deploy or drill")
    if entry.recurrence or entry.starts_at is not None:
        raise PayloadProblem("work", "is done now and once: leave out the start and the recurrence")


def checked_text(field: str, text: str) -> str:
    """A line that people read. Raises PayloadProblem."""
    line = " ".join(text.split())
    if not line:
        raise PayloadProblem(field, "must not be empty: it is shown in every report")
    if len(line) > MAX_TEXT or not line.isprintable():
        raise PayloadProblem(field, f"must be at most {MAX_TEXT} printable characters")
    return line


def parse_matcher(text: str) -> Matcher:
    """``name=value``, ``name!=value``, ``name=~regex`` or ``name!~regex``. Raises PayloadProblem."""
    match = _MATCHER.fullmatch(text)
    if match is None:
        raise PayloadProblem("matchers", f"{text[:80]!r} is not name=value, name!=value, name=~regex or name!~regex")
    matcher = Matcher(*match.groups())
    if len(matcher.value) > MAX_TEXT or not matcher.value.isprintable():
        raise PayloadProblem("matchers", f"{text[:80]!r}: the value must be at most {MAX_TEXT} printable characters")
    if matcher.operator in ("=~", "!~"):
        try:
            re.compile(matcher.value)
        except re.error as error:
            raise PayloadProblem("matchers", f"{text[:80]!r} is not a regular expression: {error}") from error
    return matcher


def _start(entry: Entry, now: datetime) -> datetime:
    """The start; of a recurring window in whole seconds, and never before it was entered unless asked for."""
    if not entry.recurrence:
        return entry.starts_at or now
    if entry.starts_at:
        return entry.starts_at.replace(microsecond=0)
    return now.replace(microsecond=0) + timedelta(seconds=1)


def _end(entry: Entry, starts_at: datetime) -> datetime:
    if (entry.ends_at is None) == (entry.duration_seconds is None):
        raise PayloadProblem("ends_at", "give either an end or a duration; it can be ended earlier")
    if entry.ends_at is not None:
        return entry.ends_at
    try:
        return starts_at + timedelta(seconds=entry.duration_seconds or 0)
    except (OverflowError, ValueError) as error:
        raise PayloadProblem("duration_seconds", "is out of range") from error


def _check_time(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= starts_at:
        raise PayloadProblem("ends_at", "must be later than the start")
    if ends_at - starts_at > LONGEST:
        raise PayloadProblem("ends_at", f"a window may last {LONGEST.days} days at most; enter another one after it")
    if abs(starts_at - now) > FURTHEST:
        raise PayloadProblem("starts_at", f"must lie within {FURTHEST.days} days from now")


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise PayloadProblem("time_zone", f"{name[:50]!r} is not a time zone of the IANA database") from error
    return name


def _services(services: Sequence[str]) -> tuple[str, ...]:
    for service in services:
        if not _SERVICE.fullmatch(service):
            raise PayloadProblem("services", f"{service[:80]!r} is not the name of a service")
    return tuple(dict.fromkeys(services))


def _scope(entry: Entry) -> tuple[Matcher, ...]:
    """The matchers; something that matches labels that are there must be among them or the services."""
    if len(entry.services) > MAX_ITEMS or len(entry.matchers) > MAX_ITEMS:
        raise PayloadProblem("services", f"at most {MAX_ITEMS} services and {MAX_ITEMS} matchers")
    matchers = tuple(parse_matcher(text) for text in entry.matchers)
    if entry.everything:
        if entry.services or matchers:
            raise PayloadProblem("everything", "leaves no room for services or matchers")
        return (Matcher(SERVICE_LABEL, "=~", ".+"),)
    if not entry.services and not any(_is_positive(matcher) for matcher in matchers):
        raise PayloadProblem("services", "name a service or a label that must be there, or ask for everything")
    return matchers


def _is_positive(matcher: Matcher) -> bool:
    """Whether a label that is missing fails the matcher; Alertmanager wants one such."""
    if matcher.operator == "=":
        return bool(matcher.value)
    return matcher.operator == "=~" and re.fullmatch(matcher.value, "") is None


def _recurrence(rule: str | None, starts_at: datetime, ends_at: datetime, time_zone: str) -> str | None:
    if not rule:
        return None
    if ends_at - starts_at > timedelta(days=1):
        raise PayloadProblem("recurrence", "a window that recurs may last one day at most")
    try:
        return parse_rule(rule, starts_at, time_zone)
    except ValueError as error:
        raise PayloadProblem("recurrence", str(error)) from error
