"""Lines of log files: when they were written, how grave they are, whatever program wrote them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

LEVELS = ("debug", "info", "warning", "error", "critical")
_RANK = {level: rank for rank, level in enumerate(LEVELS)}
_NAMES = {
    "trace": "debug",
    "log": "info",
    "notice": "info",
    "infor": "info",
    "warn": "warning",
    "err": "error",
    "crit": "critical",
    "fatal": "critical",
    "panic": "critical",
    **{level: level for level in LEVELS},
}
_TIME_KEYS = ("time", "ts", "timestamp", "received_at")
_MESSAGE_KEYS = ("message", "msg", "event")
_STAMP = re.compile(r"\[?(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?")
_LOGFMT_TIME = re.compile(r"(?:^|\s)(?:ts|time)=\"?(\S+?)\"?(?=\s|$)")
_LOGFMT_LEVEL = re.compile(r"(?:^|\s)level=\"?(\w+)")
# The first word that is a level, within what a line starts with; PostgreSQL puts the process and the user before it.
_LEVEL_WORD = re.compile(
    r"\b(DEBUG\d?|INFO|LOG|NOTICE|WARN|WARNING|ERRO?R?|CRIT|CRITICAL|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT)\b:?"
)
_PREFIX_LENGTH = 120


@dataclass(frozen=True)
class LogLine:
    """One line. ``time`` and ``level`` are None for a line that continues the one before."""

    component: str
    text: str
    time: datetime | None
    level: str | None
    message: str

    def after(self, previous: "LogLine | None") -> "LogLine":
        """This line with what it does not say itself taken from the line before."""
        if previous is None or (self.time is not None and self.level is not None):
            return self
        return replace(self, time=self.time or previous.time, level=self.level or previous.level)


@dataclass(frozen=True)
class LogFilter:
    """Which lines are wanted. ``level`` is the mildest one; lines that tell no level pass unless one is asked for."""

    since: datetime | None = None
    level: str | None = None
    pattern: re.Pattern[str] | None = None

    def wants(self, line: LogLine) -> bool:
        """Whether a line passes."""
        if self.since is not None and (line.time is None or line.time < self.since):
            return False
        if self.level is not None and _RANK.get(line.level or "", -1) < _RANK[self.level]:
            return False
        return self.pattern is None or self.pattern.search(line.text) is not None


def parse_line(component: str, text: str, zone: tzinfo = UTC) -> LogLine:
    """Understand one line. ``zone`` is the time zone of stamps that name none."""
    if text.startswith("{"):
        parsed = _from_json(component, text, zone)
        if parsed is not None:
            return parsed
    level_match = _LOGFMT_LEVEL.search(text)
    time_match = _LOGFMT_TIME.search(text)
    if time_match and level_match:
        moment = parse_time(time_match[1], zone)
        return LogLine(component, text, moment, normal_level(level_match[1]), text)
    stamp = _STAMP.match(text)
    if stamp is None:
        return LogLine(component, text, None, None, text)
    word = _LEVEL_WORD.search(text[:_PREFIX_LENGTH], stamp.end())
    return LogLine(component, text, _moment(stamp, zone), normal_level(word[1]) if word else None, text)


def parse_time(text: str, zone: tzinfo = UTC) -> datetime | None:
    """A stamp as UTC; None when it is none."""
    match = _STAMP.match(text)
    return _moment(match, zone) if match else None


def normal_level(word: str) -> str | None:
    """One of LEVELS for a word that programs use; None for words that are no level."""
    lower = word.lower()
    return "debug" if lower.startswith("debug") else _NAMES.get(lower)


def _moment(match: re.Match[str], zone: tzinfo) -> datetime | None:
    day, clock, fraction, named = match.groups()
    text = f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}"
    try:
        moment = datetime.fromisoformat(text + ("+00:00" if named in ("Z", "UTC") else named or ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_json(component: str, text: str, zone: tzinfo) -> LogLine | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, Mapping):
        return None
    level = normal_level(str(_first(document, ("level", "severity")) or ""))
    moment = parse_time(str(_first(document, _TIME_KEYS) or ""), zone)
    message = _first(document, _MESSAGE_KEYS)
    return LogLine(component, text, moment, level, text if message is None else str(message))


def _first(document: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((document[key] for key in keys if document.get(key) is not None), None)
