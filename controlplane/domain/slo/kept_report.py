"""Reports that are kept: one for each calendar unit, named after it, and which of them are due. No numpy here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from controlplane.domain.slo.report_period import ReportPeriod, named
from controlplane.domain.slo.windows import Period

KeptKind = Literal["day", "week", "month"]
KINDS: tuple[KeptKind, ...] = ("day", "week", "month")
FORMATS = ("html", "md", "pdf")
DATA_FILE = "json"
# The message that tells of a report, in each language: ``en.txt``, ``zh.txt``.
MESSAGE = "txt"
# How long after its period an incomplete report is made anew, in the hope that what did not answer does.
MEND_WITHIN = timedelta(days=2)
# How many units may be missing between the latest report and now, when nobody was there to make them.
_FILLED_IN: Mapping[KeptKind, int] = {"day": 31, "week": 8, "month": 6}


@dataclass(frozen=True)
class KeptReport:
    """A report in the store. ``id`` is kind and name of its period; ``revision`` counts how often it was made.

    ``complete`` is False when something did not answer while it was made.
    """

    id: str
    kind: KeptKind
    starts_at: datetime
    ends_at: datetime
    verdict: str
    complete: bool
    generated_at: datetime
    revision: int = 1


# A report that is not complete is sent all the same so long after its period: people wait for it.
SEND_INCOMPLETE_AFTER = timedelta(hours=6)


def worth_sending(kinds: Sequence[KeptKind], known: Sequence[KeptReport], now: datetime) -> list[KeptReport]:
    """The newest report of each kind, if it is complete, or its period has been over for long enough.

    Older ones, filled in after an outage or made before anybody wanted them, are there to be looked up.
    """
    newest = [max((one for one in known if one.kind == kind), key=_end, default=None) for kind in kinds]
    return [one for one in newest if one and (one.complete or one.ends_at + SEND_INCOMPLETE_AFTER <= now)]


def _end(report: KeptReport) -> datetime:
    return report.ends_at


def file_name(language: str, form: str) -> str:
    """Name of a file of a kept report, such as ``en.html``."""
    return f"{language}.{form}"


def kept_id(kind: str, name: str) -> str:
    """Such as ``month-2026-10``."""
    return f"{kind}-{name}"


def due(kind: KeptKind, known: Sequence[KeptReport], time_zone: str, now: datetime) -> list[ReportPeriod]:
    """Periods of a kind that want a report: those over and not kept since the latest kept one, and incomplete ones.

    The oldest first. When none is kept, the last period alone.
    """
    by_id = {one.id: one for one in known if one.kind == kind}
    latest = max((one.ends_at for one in by_id.values()), default=None)
    wanted = []
    for period in _backwards(kind, time_zone, now):
        one = by_id.get(kept_id(kind, period.name))
        is_missing = one is None and (latest is None or period.period.end > latest)
        is_to_mend = one is not None and not one.complete and now < period.period.end + MEND_WITHIN
        if is_missing or is_to_mend:
            wanted.append(period)
        if latest is None:
            break
    return wanted[::-1]


def _backwards(kind: KeptKind, time_zone: str, now: datetime) -> Iterator[ReportPeriod]:
    moment = now
    for _ in range(_FILLED_IN[kind]):
        period = named(kind, "last", time_zone, moment)
        yield _whole(period)
        moment = period.period.full_end - timedelta(seconds=1)


def _whole(period: ReportPeriod) -> ReportPeriod:
    """The period as one that is over."""
    bounds = period.period
    return ReportPeriod(
        period.kind,
        period.name,
        period.time_zone,
        Period(bounds.start, bounds.full_end, bounds.full_end),
        period.before,
    )
