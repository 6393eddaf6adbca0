"""Forecasts in a report: read from Prometheus, and put into words."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from controlplane.domain.slo.outlook import Outlook, OutlookLine
from controlplane.errors import CmctlError
from controlplane.services.forecasts import Forecasted
from controlplane.services.slo.report.document import Block, Cell, Section, Table, Text, plain
from controlplane.services.slo.report.formats import DASH, Formats

_PREFIXES = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


class Forecaster(Protocol):
    """What makes forecasts."""

    async def refresh(self) -> str:
        """Make all of them. Raises CmctlError when some cannot be made."""
        ...

    def latest(self) -> Sequence[Forecasted]:
        """Those that could be made, the nearest end first."""
        ...


async def read_outlook(forecaster: Forecaster, now: datetime) -> Outlook:
    """What can be said of the time ahead. Never raises CmctlError: what is not known is said in the answer."""
    problem = None
    try:
        await forecaster.refresh()
    except CmctlError as error:
        problem = error.message
    return Outlook(now, tuple(_line(one) for one in forecaster.latest()), problem)


def _line(one: Forecasted) -> OutlookLine:
    resource, found = one.resource, one.forecast
    if found is None:
        return OutlookLine(resource.title, resource.title_zh, one.labels, resource.unit)
    return OutlookLine(
        title=resource.title,
        title_zh=resource.title_zh,
        labels=one.labels,
        unit=resource.unit,
        limit=found.limit,
        level=found.level,
        growth_per_day=found.growth_per_day,
        early=_moment(found.early),
        expected=_moment(found.expected),
        late=_moment(found.late),
        straight=_moment(found.straight),
    )


def outlook_record(outlook: Outlook | None) -> dict[str, Any] | None:
    """The outlook as data; None where nobody asked for it."""
    if outlook is None:
        return None
    forecasts = [{**asdict(line), "labels": dict(line.labels)} for line in outlook.lines]
    return {"made_at": outlook.made_at, "problem": outlook.problem, "forecasts": forecasts}


def outlook_section(outlook: Outlook | None, formats: Formats) -> list[Section]:
    """The section, if there is anything to say."""
    say = formats.say
    if outlook is None or not (outlook.lines or outlook.problem):
        return []
    blocks: list[Block] = []
    if outlook.problem:
        blocks.append(Text(plain(say("outlook_problem", problem=outlook.problem))))
    if outlook.lines:
        keys = ("outlook_resource", "outlook_used", "outlook_growth", "outlook_full", "outlook_range", "outlook_line")
        rows = tuple(_row(line, formats) for line in outlook.lines)
        note = say("outlook_note", at=formats.moment(outlook.made_at))
        blocks.append(
            Table(say("outlook"), tuple(say(key) for key in keys), rows, numeric=frozenset({1, 2}), note=note)
        )
    return [Section("outlook", say("outlook"), tuple(blocks))]


def _row(line: OutlookLine, formats: Formats) -> tuple[Cell, ...]:
    say = formats.say
    title = " ".join([line.title_zh if say.language == "zh" else line.title, *(value for _, value in line.labels)])
    if line.level is None or line.limit is None or line.growth_per_day is None:
        return plain(title), plain(DASH), plain(DASH), plain(say("outlook_learning"), "dim"), plain(DASH), plain(DASH)
    used = say("outlook_of", level=_amount(line.level, line.unit), limit=_amount(line.limit, line.unit))
    bounds = f"{_when(line.early, formats)} – {_when(line.late, formats)}" if line.early else DASH
    return (
        plain(title),
        plain(used),
        plain(_amount(line.growth_per_day, line.unit)),
        plain(_when(line.expected, formats)),
        plain(bounds),
        plain(_when(line.straight, formats)),
    )


def _when(moment: datetime | None, formats: Formats) -> str:
    return formats.say("outlook_later") if moment is None else formats.day(moment)


def _amount(value: float, unit: str) -> str:
    """A quantity with its unit; bytes in the largest binary one that leaves a digit before the point."""
    if unit != "B":
        return f"{value:.4g} {unit}".rstrip()
    power = 0
    while abs(value) >= 1024 and power < len(_PREFIXES) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.3g} {_PREFIXES[power]}B"


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
