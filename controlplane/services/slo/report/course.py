"""The chart of an objective, and the table of its figures for whoever cannot see it."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from controlplane.domain.slo.report import ObjectiveReport, moment
from controlplane.domain.slo.timeline import Point
from controlplane.services.slo.report.document import Cell, Chart, Line, Panel, Shade, Table, plain
from controlplane.services.slo.report.formats import Formats

_DAY = 86_400
_ROW_SECONDS = (300, 900, 3600, 6 * 3600, _DAY, 7 * _DAY, 30 * _DAY)
MAX_ROWS = 32


def chart_of(report: ObjectiveReport, title: str, formats: Formats) -> Chart:
    """SLI above, error budget below, over the same time."""
    say, course, period = formats.say, report.course, report.period.period
    target = formats.target(report.objective.target)
    edges = (*(moment(point.start) for point in course), moment(course[-1].end))
    return Chart(
        name=report.objective.name,
        title=say("chart", title=title),
        description=say(
            "chart_description",
            start=formats.minute(period.start),
            end=formats.minute(period.end),
            target=target,
            left=formats.share(report.figures.budget.remaining_ratio, 1),
            losses=report.loss_count,
            unknown=report.unknown_count,
            maintenance=len(report.exclusions),
        ),
        edges=edges,
        panels=(
            Panel(
                say("panel_sli"),
                (Line(say("line_sli"), tuple(_percent(point.sli) for point in course), "sli"),),
                report.objective.target * 100,
                say("reference_target", target=target),
            ),
            Panel(say("panel_budget"), _budget_lines(report, formats), 0.0, say("reference_budget")),
        ),
        shades=_shades(report, formats),
        shade_labels={
            "bad": say("shade_bad"),
            "unknown": say("shade_unknown"),
            "maintenance": say("shade_maintenance"),
        },
        time_zone=formats.time_zone,
    )


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else ratio * 100


def budget_left(report: ObjectiveReport) -> list[float]:
    """Share of the budget that was left at the end of every point, of what is known."""
    allowed = report.figures.budget.allowed
    spent = accumulate(point.bad for point in report.course)
    return [1 - one / allowed for one in spent] if allowed else [1.0 for _ in report.course]


def _budget_lines(report: ObjectiveReport, formats: Formats) -> tuple[Line, ...]:
    known = Line(formats.say("line_budget"), tuple(one * 100 for one in budget_left(report)), "budget")
    quantities = report.figures.quantities
    if not quantities.unknown_seconds or report.figures.sli is None:
        return (known,)
    everything = report.objective.error_budget * (quantities.total + quantities.unknown) + (
        report.objective.error_budget * report.period.period.ahead_seconds if quantities.unit == "seconds" else 0.0
    )
    per_second = quantities.unknown / quantities.unknown_seconds
    spent = accumulate(point.bad + point.unknown_seconds * per_second for point in report.course)
    # Far below zero the worst case says no more, and would flatten the line of what is known.
    floor = min(-100.0, *(value for value in known.values if value is not None))
    worst = tuple(max(floor, 100 * (1 - one / everything)) for one in spent)
    return known, Line(formats.say("line_worst"), worst, "worst")


def _shades(report: ObjectiveReport, formats: Formats) -> tuple[Shade, ...]:
    unit = report.objective.unit
    start, end = report.period.period.start, report.period.period.end
    return (
        *(Shade("unknown", one.start, one.end, formats.span(one.seconds)) for one in report.unknown),
        *(
            Shade("maintenance", max(start, one.starts_at), min(end, one.ends_at), one.reason[:20])
            for one in report.exclusions
        ),
        *(Shade("bad", one.start, one.end, formats.amount(unit, one.bad)) for one in report.losses),
    )


def course_table(report: ObjectiveReport, formats: Formats) -> Table:
    """The course in at most MAX_ROWS rows; those in which all was well are only counted."""
    say, unit = formats.say, report.objective.unit
    left = budget_left(report)
    rows, perfect = [], 0
    for points, remaining in _rows(report.course, left, formats.time_zone):
        good, bad = sum(one.good for one in points), sum(one.bad for one in points)
        unknown = sum(one.unknown_seconds for one in points)
        excluded = sum(one.excluded_seconds for one in points) - _idle(points)
        if not bad and not unknown and not excluded:
            perfect += 1
            continue
        start, end = moment(points[0].start), moment(points[-1].end)
        row: tuple[Cell, ...] = (
            plain(formats.stretch(start, end), "figure"),
            plain(formats.share(good / (good + bad) if good + bad else None)),
            plain(formats.amount(unit, bad) if bad else say("none")),
            plain(formats.span(unknown) if unknown else say("none")),
            plain(formats.span(excluded) if excluded else say("none")),
            plain(formats.share(remaining, 1)),
        )
        rows.append(row)
    note = say("course_note", count=perfect) if perfect else ""
    if not rows:
        note = say("course_perfect")
    headers = tuple(say(key) for key in ("when", "sli", "lost", "unknown", "maintenance", "budget_left"))
    return Table(say("course"), headers, tuple(rows), numeric=frozenset(range(1, 6)), note=note)


def _idle(points: Sequence[Point]) -> float:
    return sum(one.idle_seconds for one in points)


def _rows(course: Sequence[Point], left: Sequence[float], time_zone: str) -> list[tuple[list[Point], float]]:
    """Points by hour, day … of the time zone, with the budget that was left at their end."""
    length = (course[-1].end - course[0].start) / 1000
    width = next((one for one in _ROW_SECONDS if length <= one * (MAX_ROWS - 1)), _ROW_SECONDS[-1])
    zone = ZoneInfo(time_zone)
    groups: dict[int, tuple[list[Point], float]] = {}
    for point, remaining in zip(course, left, strict=True):
        middle = datetime.fromtimestamp((point.start + point.end) / 2000, zone)
        offset = middle.utcoffset()
        number = int((middle.timestamp() + (offset.total_seconds() if offset else 0)) // width)
        points, _ = groups.get(number, ([], 0.0))
        groups[number] = ([*points, point], remaining)
    return list(groups.values())
