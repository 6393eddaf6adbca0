"""Put a report into words: the verdict first, then what it rests on, then how it was computed."""

from collections.abc import Sequence

from controlplane.domain.maintenance import Exclusion, excluded_seconds
from controlplane.domain.slo.figures import Verdict
from controlplane.domain.slo.report import ObjectiveReport, Report
from controlplane.domain.slo.report_period import ReportPeriod
from controlplane.domain.slo.response import Response
from controlplane.services.slo.report.anomalies import anomaly_section
from controlplane.services.slo.report.appendix import how_section
from controlplane.services.slo.report.document import Block, Cell, Document, Inline, Section, Table, Text, plain
from controlplane.services.slo.report.formats import DASH, Formats
from controlplane.services.slo.report.incidents import incident_section
from controlplane.services.slo.report.objective_section import objective_section, title_of
from controlplane.services.slo.report.outlook import outlook_section
from controlplane.services.slo.report.recovery import recovery_section
from controlplane.services.slo.report.words import Language, Speaker

_WORST_FIRST: tuple[Verdict, ...] = ("missed", "not_enough_data", "at_risk", "met")
_DAYS_SHOWN = 5
_FORMAT_WORDS = ("colon", "verdict")


def compose(report: Report, language: Language, time_zone: str) -> Document:
    """The document of a report in one language; moments are written in ``time_zone``."""
    say = Speaker(language)
    formats = Formats(say, time_zone)
    objectives = worst_first(report.objectives)
    sections = [
        Section("objectives", say("objectives"), (_objectives(objectives, formats),)),
        *_problems(report, formats),
        *incident_section(report, formats),
        Section("changes", say("changes"), (_changes(objectives, formats),)),
        Section("maintenance", say("maintenance"), _maintenance(report, formats)),
        *recovery_section(report.recovery, formats),
        *outlook_section(report.outlook, formats),
        *anomaly_section(report.anomalies, formats),
        *(objective_section(one, report.history, formats) for one in objectives),
        how_section(objectives, formats),
    ]
    return Document(
        language=language,
        title=say("title", profile=report.profile),
        subtitle=_subtitle(report, formats),
        verdict=report.verdict,
        verdict_text=say(report.verdict),
        sentence=overall_sentence(objectives, formats),
        facts=_facts(report, formats),
        sections=tuple(section for section in sections if section.blocks) if report.objectives else (),
        footer=say("footer", at=formats.moment(report.generated_at), version=report.version, source=report.source_url),
        words={name: say(name) for name in _FORMAT_WORDS},
    )


def _subtitle(report: Report, formats: Formats) -> str:
    if report.period is None:
        return formats.say("own_windows", end=formats.moment(report.end))
    return period_text(report.period, formats)


def period_text(period: ReportPeriod, formats: Formats) -> str:
    """A period in words."""
    bounds = period.period
    text = formats.say(
        period.kind,
        name=period.name,
        length=formats.span(bounds.seconds),
        start=formats.minute(bounds.start),
        end=formats.minute(bounds.end),
    )
    if bounds.ahead_seconds > 0:
        text += formats.say("still_running", full_end=formats.minute(bounds.full_end))
    return text


def worst_first(objectives: Sequence[ObjectiveReport]) -> list[ObjectiveReport]:
    """Objectives in the order in which they are told."""
    return sorted(objectives, key=lambda one: _WORST_FIRST.index(one.figures.verdict))


def overall_sentence(objectives: Sequence[ObjectiveReport], formats: Formats) -> str:
    """How many are met, or which are not."""
    say = formats.say
    if not objectives:
        return say("overall_none")
    if all(one.figures.verdict == "met" for one in objectives):
        return say("overall_met", count=len(objectives))
    parts = []
    for verdict in _WORST_FIRST:
        names = [title_of(one.objective, say) for one in objectives if one.figures.verdict == verdict]
        if names:
            text = say("overall_part", verdict=say(verdict), names=say("list_separator").join(names))
            parts.append(text[:1].upper() + text[1:])
    return say.sentences(*parts)


def _facts(report: Report, formats: Formats) -> tuple[tuple[str, Cell], ...]:
    say = formats.say
    return (
        (say("generated_at"), plain(formats.moment(report.generated_at))),
        (say("time_zone"), plain(formats.time_zone)),
        *response_facts(report.response, formats),
    )


def response_facts(response: Response | None, formats: Formats) -> tuple[tuple[str, Cell], ...]:
    """How many alerts began, MTTA and MTTR."""
    say = formats.say
    if response is None:
        fired = acknowledge = resolve = say("not_known")
    else:
        fired = str(response.alerts) if response.alerts else say("no_alerts")
        acknowledge = _mean(
            response.mean_seconds_to_acknowledge, response.acknowledged, response.alerts, "mtta", formats
        )
        resolve = _mean(response.mean_seconds_to_resolve, response.resolved, response.alerts, "mttr", formats)
    return (
        (say("alerts_fired"), plain(fired)),
        (say("mtta"), plain(acknowledge)),
        (say("mttr"), plain(resolve)),
    )


def _mean(mean: float | None, count: int, alerts: int, name: str, formats: Formats) -> str:
    if not alerts:
        return DASH
    if mean is None:
        return formats.say(f"{name}_none")
    return formats.say("mtta_value", mean=formats.span(mean), count=count, all=alerts)


def _objectives(objectives: Sequence[ObjectiveReport], formats: Formats) -> Table:
    say = formats.say
    keys = ("objective", "verdict", "sli", "target", "lost", "budget_left", "unknown", "coverage")
    return Table(
        say("objectives"),
        tuple(say(key) for key in keys),
        tuple(_objective_row(one, formats) for one in objectives),
        numeric=frozenset(range(2, len(keys))),
        note=say("objectives_note"),
    )


def _objective_row(report: ObjectiveReport, formats: Formats) -> tuple[Cell, ...]:
    say, figures, unit = formats.say, report.figures, report.objective.unit
    quantities = figures.quantities
    is_known = figures.sli is not None
    unknown = formats.span(quantities.unknown_seconds) if quantities.unknown_seconds else say("none")
    return (
        (
            Inline(title_of(report.objective, say), f"#{report.objective.name}"),
            Inline(f" {report.objective.name}", kind="dim"),
        ),
        plain(say(figures.verdict), figures.verdict),
        plain(formats.share(figures.sli)),
        plain(formats.target(report.objective.target)),
        plain(formats.amount(unit, quantities.bad) if is_known else DASH),
        plain(formats.share(figures.budget.remaining_ratio, 1) if is_known else DASH),
        plain(unknown),
        plain(formats.share(figures.coverage, 2)),
    )


def _problems(report: Report, formats: Formats) -> list[Section]:
    say = formats.say
    rows = [*_query_problems(report, formats), *_other_problems(report, formats)]
    if not rows:
        return []
    headers = tuple(say(key) for key in ("when", "what", "affected", "detail"))
    return [Section("unknown", say("problems"), (Table(say("problems"), headers, tuple(rows), wide=3),))]


def _query_problems(report: Report, formats: Formats) -> list[tuple[Cell, ...]]:
    """The same problem of several objectives in one row."""
    say = formats.say
    affected: dict[tuple[str, str, str], list[str]] = {}
    for one in report.objectives:
        for group in one.problems:
            when = formats.stretch(group.start, group.end)
            what = say(f"problem_{group.kind}", **({"detail": group.detail} if group.kind == "several_series" else {}))
            detail = ", ".join(group.expressions) if group.kind == "several_series" else group.detail
            affected.setdefault((when, what, detail), []).append(one.objective.name)
        if one.outdated:
            days = ", ".join(day.isoformat() for day in one.outdated[:_DAYS_SHOWN])
            when = days if len(one.outdated) <= _DAYS_SHOWN else f"{days} …"
            affected.setdefault((when, say("problem_outdated"), ""), []).append(one.objective.name)
        for expression in one.silent:
            if not any(group.kind == "failed" for group in one.problems):
                key = (say("whole_period"), say("problem_silent"), expression)
                affected.setdefault(key, []).append(one.objective.name)
    return [
        (plain(when), plain(what), plain(", ".join(names)), plain(detail, "code"))
        for (when, what, detail), names in affected.items()
    ]


def _other_problems(report: Report, formats: Formats) -> list[tuple[Cell, ...]]:
    say, history = formats.say, report.history
    rows = [(say("problem_alerts"), history.problem)] if history.problem else []
    if report.maintenance_problem is not None:
        rows.append((say("problem_maintenance"), report.maintenance_problem))
    if history.warnings:
        rows.append((say("problem_alerts_other"), "; ".join(history.warnings)))
    return [(plain(say("whole_period")), plain(what), plain(DASH), plain(text, "code")) for what, text in rows]


def _changes(objectives: Sequence[ObjectiveReport], formats: Formats) -> Table:
    say = formats.say
    keys = ("objective", "before", "now", "change", "lost_before", "lost_now")
    return Table(
        say("changes"),
        tuple(say(key) for key in keys),
        tuple(_change_row(one, formats) for one in objectives),
        numeric=frozenset({3, 4, 5}),
        note=say("changes_note"),
    )


def _change_row(report: ObjectiveReport, formats: Formats) -> tuple[Cell, ...]:
    say, unit, now, before = formats.say, report.objective.unit, report.figures, report.before
    title = plain(title_of(report.objective, say))
    lost_now = formats.amount(unit, now.quantities.bad) if now.sli is not None else DASH
    after = _verdict_and_sli(say(now.verdict), now.verdict, formats.share(now.sli))
    if before is None or before.sli is None:
        return title, plain(say("no_data_before"), "dim"), after, plain(DASH), plain(DASH), plain(lost_now)
    change = formats.points(now.sli - before.sli) if now.sli is not None else DASH
    return (
        title,
        _verdict_and_sli(say(before.verdict), before.verdict, formats.share(before.sli)),
        after,
        plain(change),
        plain(formats.amount(unit, before.quantities.bad)),
        plain(lost_now),
    )


def _verdict_and_sli(text: str, verdict: Verdict, sli: str) -> Cell:
    return Inline(text, kind=verdict), Inline(f" {sli}", kind="figure")


def _maintenance(report: Report, formats: Formats) -> tuple[Block, ...]:
    """Every exclusion, and what each objective would be if none had been made."""
    say = formats.say
    affected: dict[Exclusion, list[str]] = {}
    for one in report.objectives:
        for exclusion in one.exclusions:
            affected.setdefault(exclusion, []).append(title_of(one.objective, say))
    if report.maintenance_problem is not None:
        return (Text(plain(say("problem_maintenance"))),)
    if not affected:
        return (Text(plain(say("maintenance_none"))),)
    keys = ("from", "to", "objectives", "reason", "author", "entered")
    rows = tuple(
        (
            plain(formats.moment(exclusion.starts_at), "figure"),
            plain(formats.until(exclusion.starts_at, exclusion.ends_at), "figure"),
            plain(say("list_separator").join(titles)),
            plain(exclusion.reason),
            plain(exclusion.author),
            plain(say("entered_before")) if exclusion.planned else plain(say("entered_after"), "at_risk"),
        )
        for exclusion, titles in sorted(affected.items(), key=lambda pair: (pair[0].starts_at, pair[0].maintenance_id))
    )
    listed = Table(say("maintenance"), tuple(say(key) for key in keys), rows, wide=3)
    return listed, _without_exclusions([one for one in report.objectives if one.exclusions], formats)


def _without_exclusions(objectives: Sequence[ObjectiveReport], formats: Formats) -> Table:
    say = formats.say
    keys = ("objective", "effect_before", "effect_after", "sli", "sli_without_exclusions")
    rows = tuple(
        (
            plain(title_of(one.objective, say)),
            plain(formats.span(excluded_seconds(one.exclusions, planned=True))),
            plain(formats.span(excluded_seconds(one.exclusions, planned=False))),
            plain(formats.share(one.figures.sli)),
            plain(formats.share(one.sli_with_exclusions)),
        )
        for one in objectives
    )
    headers = tuple(say(key) for key in keys)
    return Table(
        say("maintenance_effect"), headers, rows, numeric=frozenset({1, 2, 3, 4}), note=say("maintenance_note")
    )
