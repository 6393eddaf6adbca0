"""Which period a report is wanted for, as people say it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from controlplane.domain.duration import parse_duration
from controlplane.domain.since import parse_since
from controlplane.domain.slo.objective import Calendar
from controlplane.domain.slo.report_period import ReportPeriod, custom, named, rolling
from controlplane.domain.slo.windows import midnight
from controlplane.errors import UsageProblem

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST_DAYS = 400


@dataclass(frozen=True)
class PeriodRequest:
    """At most one of a rolling window, a calendar unit by name, and two moments. None of them: own windows."""

    window: str | None = None
    calendar: tuple[Calendar, str] | None = None
    start: str | None = None
    end: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether any of them is."""
        return self != PeriodRequest()


def resolve_period(request: PeriodRequest, time_zone: str, now: datetime) -> ReportPeriod | None:
    """The period, or None for each objective's own window. Raises UsageProblem that names the option."""
    given = _given(request)
    if len(given) > 1:
        raise UsageProblem(f"{' and '.join(given)} exclude each other", hint="give one of them")
    if not given:
        return None
    option = given[0]
    try:
        period = _resolve(request, time_zone, now)
    except (ValueError, OverflowError) as error:
        raise UsageProblem(f"{option}: {error}") from error
    if period.period.seconds > LONGEST_DAYS * 86_400:
        raise UsageProblem(f"{option}: a report covers at most {LONGEST_DAYS} days")
    return period


def _given(request: PeriodRequest) -> Sequence[str]:
    options = []
    if request.window is not None:
        options.append("--window")
    if request.calendar is not None:
        options.append(f"--{request.calendar[0]}")
    if request.start is not None or request.end is not None:
        options.append("--from/--to")
    return options


def _resolve(request: PeriodRequest, time_zone: str, now: datetime) -> ReportPeriod:
    if request.window is not None:
        seconds = parse_duration(request.window)
        if seconds <= 0:
            raise ValueError("a window has a length")
        return rolling(seconds, now)
    if request.calendar is not None:
        unit, name = request.calendar
        return named(unit, name, time_zone, now)
    if request.start is None:
        raise ValueError("--to needs --from")
    end = now if request.end is None else _moment(request.end, time_zone, now)
    return custom(_moment(request.start, time_zone, now), end, time_zone, now)


def _moment(text: str, time_zone: str, now: datetime) -> datetime:
    """A date is its midnight in the reports' time zone; everything else as usual."""
    if _DATE.fullmatch(text):
        return midnight(date.fromisoformat(text), ZoneInfo(time_zone))
    return parse_since(text, now)
