"""Recurring windows, in the words of RFC 5545 (``FREQ=WEEKLY;BYDAY=SU``), on the clock of a time zone.

Only daily, weekly and monthly rules: they say when a window begins, never how
often within a day. Where the clock skips the hour of a window, it begins as
much later; where the hour comes twice, at the first.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

SHORTHANDS = {"daily": "FREQ=DAILY", "weekly": "FREQ=WEEKLY", "monthly": "FREQ=MONTHLY"}
_DAY = r"(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)"
_MONTH_DAY = r"(?:[1-9]|[12]\d|3[01]|-1)"
_PARTS = {
    "FREQ": r"DAILY|WEEKLY|MONTHLY",
    "INTERVAL": r"[1-9]\d{0,2}",
    "BYDAY": rf"{_DAY}(?:,{_DAY})*",
    "BYMONTHDAY": rf"{_MONTH_DAY}(?:,{_MONTH_DAY})*",
    "COUNT": r"[1-9]\d{0,4}",
    "UNTIL": r"\d{8}T\d{6}Z",
}


def parse_rule(text: str, starts_at: datetime, time_zone: str) -> str:
    """The rule in its canonical form. Raises ValueError that says what is wrong with it.

    ``starts_at`` has whole seconds, as everything in RFC 5545.
    It must be an occurrence itself, so that nobody waits for a window that never comes.
    """
    rule = SHORTHANDS.get(text.lower(), text.upper())
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS or name in parts:
            raise ValueError(f"{part!r} is not one of {', '.join(f'{known}=…' for known in _PARTS)}, each at most once")
        if not re.fullmatch(_PARTS[name], value):
            raise ValueError(f"{name} cannot be {value!r}")
        parts[name] = value
    _check_parts(parts)
    if "UNTIL" in parts and datetime.strptime(parts["UNTIL"], "%Y%m%dT%H%M%S%z") < starts_at:
        raise ValueError(f"UNTIL={parts['UNTIL']} is before the start")
    # With an interval of 1 the search for the first occurrence is short whatever the rule.
    every_time = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("INTERVAL", "UNTIL"))
    first = next(iter(_rule(every_time, starts_at, time_zone)), None)
    if first != starts_at.astimezone(ZoneInfo(time_zone)):
        raise ValueError(f"{rule} does not fall on the start, {starts_at.astimezone(ZoneInfo(time_zone)):%A %Y-%m-%d}")
    return rule


def _check_parts(parts: dict[str, str]) -> None:
    if "FREQ" not in parts:
        raise ValueError("FREQ is missing: DAILY, WEEKLY or MONTHLY")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("give COUNT or UNTIL, not both")
    if parts["FREQ"] != "MONTHLY" and re.search(r"\d", parts.get("BYDAY", "")):
        raise ValueError(f"BYDAY={parts['BYDAY']} counts days of a month; use FREQ=MONTHLY")


@lru_cache(maxsize=256)
def _rule(rule: str, starts_at: datetime, time_zone: str) -> rrule:
    parsed: rrule = rrulestr(rule, dtstart=starts_at.astimezone(ZoneInfo(time_zone)))
    return parsed


def starts(rule: str, starts_at: datetime, time_zone: str, before: datetime) -> Iterator[datetime]:
    """When the windows of a parsed rule begin, in UTC and ascending, earlier than ``before``."""
    moments = (moment.astimezone(UTC) for moment in _rule(rule, starts_at, time_zone))
    return takewhile(lambda moment: moment < before, moments)
