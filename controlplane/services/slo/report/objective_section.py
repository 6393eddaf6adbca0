"""What a report says about one objective: verdict, charts, losses with their alerts, unknown stretches, minutes."""

from collections.abc import Sequence

from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.report import AlertHistory, Loss, ObjectiveReport, moment
from controlplane.domain.slo.response import AlertFact, concerns
from controlplane.services.slo.report.course import chart_of, course_table
from controlplane.services.slo.report.document import Block, Cell, Inline, Section, Table, Text, plain
from controlplane.services.slo.report.formats import DASH, Formats
from controlplane.services.slo.report.words import Speaker


def title_of(objective: Objective, say: Speaker) -> str:
    """The objective's title in the language."""
    return objective.title_zh if say.language == "zh" else objective.title


def objective_section(report: ObjectiveReport, history: AlertHistory, formats: Formats) -> Section:
    """The section of one objective."""
    say = formats.say
    blocks: list[Block] = [Text(plain(_sentence(report, formats)), kind=report.figures.verdict)]
    if report.unknown_decides and report.figures.verdict != "not_enough_data":
        blocks.append(Text(plain(_unknown_decides(report, formats)), kind="warning"))
    if report.freshness is not None:
        blocks.append(Text(plain(_freshness(report, formats))))
    if report.rolled_up:
        first = report.rolled_up[0].isoformat()
        blocks.append(Text(plain(say("rolled_up", count=len(report.rolled_up), first=first)), kind="note"))
    if report.figures.coverage > 0:
        blocks += [chart_of(report, title_of(report.objective, say), formats), course_table(report, formats)]
        blocks += [_losses(report, history, formats), *_unknown(report, formats), *_worst_minutes(report, formats)]
    badge = Inline(say(report.figures.verdict), kind=report.figures.verdict)
    return Section(report.objective.name, title_of(report.objective, say), tuple(blocks), badge)


def _sentence(report: ObjectiveReport, formats: Formats) -> str:
    figures, objective = report.figures, report.objective
    quantities, unit = figures.quantities, objective.unit
    if figures.sli is None:
        return formats.say("sentence_nothing")
    if figures.verdict == "not_enough_data":
        if unit == "events" and quantities.total < objective.alerting.minimum_events:
            return formats.say(
                "sentence_few_events",
                total=formats.number(quantities.total),
                needed=formats.number(objective.alerting.minimum_events),
            )
        return formats.say(
            "sentence_low_coverage",
            coverage=formats.share(figures.coverage, 2),
            needed=formats.target(objective.minimum_coverage),
            sli=formats.share(figures.sli),
            worst=formats.share(figures.worst_case.sli),
            best=formats.share(figures.best_case.sli),
            target=formats.target(objective.target),
        )
    return formats.say(
        f"sentence_{figures.verdict}",
        sli=formats.share(figures.sli),
        target=formats.target(objective.target),
        left=formats.share(figures.budget.remaining_ratio, 1),
        amount=formats.span(figures.budget.remaining)
        if unit == "seconds"
        else formats.number(figures.budget.remaining),
        allowed=formats.amount(unit, figures.budget.allowed),
        bad=formats.amount(unit, quantities.bad),
    )


def _unknown_decides(report: ObjectiveReport, formats: Formats) -> str:
    figures = report.figures
    return formats.say(
        "unknown_decides",
        unknown=formats.span(figures.quantities.unknown_seconds),
        worst=formats.share(figures.worst_case.sli),
        best=formats.share(figures.best_case.sli),
    )


def _freshness(report: ObjectiveReport, formats: Formats) -> str:
    freshness = report.freshness
    if freshness is None or freshness.newest is None or freshness.age_seconds is None:
        limit = formats.span(freshness.max_age_seconds) if freshness else DASH
        return formats.say("freshness_none", limit=limit)
    return formats.say(
        "freshness",
        age=formats.span(freshness.age_seconds),
        newest=formats.moment(freshness.newest),
        limit=formats.span(freshness.max_age_seconds),
    )


def _losses(report: ObjectiveReport, history: AlertHistory, formats: Formats) -> Block:
    say, unit = formats.say, report.objective.unit
    notes = []
    if report.loss_count > len(report.losses):
        notes.append(say("losses_note_more", shown=len(report.losses), count=report.loss_count))
    if report.spread_thin > 1e-6:
        notes.append(say("losses_note_thin", amount=formats.amount(unit, report.spread_thin)))
    if not report.losses:
        return Text(plain(" ".join([*notes] or [say("no_losses")])))
    keys = ("from", "to", "lasted", "lost", "budget_share", "alerts")
    rows = tuple(
        (
            plain(formats.moment(loss.start), "figure"),
            plain(formats.until(loss.start, loss.end), "figure"),
            plain(formats.span((loss.end - loss.start).total_seconds())),
            plain(formats.amount(unit, loss.bad)),
            plain(formats.share(loss.budget_share, 1)),
            _alerts(loss, report.objective, history, formats),
        )
        for loss in report.losses
    )
    headers = tuple(say(key) for key in keys)
    return Table(say("losses"), headers, rows, numeric=frozenset({2, 3, 4}), wide=5, note=" ".join(notes))


def _alerts(loss: Loss, objective: Objective, history: AlertHistory, formats: Formats) -> Cell:
    say = formats.say
    if history.problem is not None:
        return plain(say("alerts_unknown"), "not_enough_data")
    if not loss.alerts:
        return plain(say("no_alert"), "dim")
    pieces: list[Inline] = []
    for alert in loss.alerts:
        pieces += [*([Inline("\n")] if pieces else []), *_alert(alert, objective, formats)]
    if loss.more_alerts:
        pieces.append(Inline(say("more_alerts", count=loss.more_alerts)))
    return tuple(pieces)


def _alert(alert: AlertFact, objective: Objective, formats: Formats) -> list[Inline]:
    say = formats.say
    ends = say("still_firing") if alert.ends_at is None else formats.until(alert.starts_at, alert.ends_at)
    summary = (alert.summary_zh or alert.summary) if say.language == "zh" else alert.summary
    other = "" if concerns(alert, objective) else say("of_service", service=alert.service or DASH)
    pieces = [
        Inline(alert.name or DASH, kind="strong"),
        Inline(f"{other} {alert.severity} {formats.moment(alert.starts_at)} – {ends}"),
    ]
    if summary:
        pieces.append(Inline(f"{say('between')}{summary}"))
    if alert.acknowledged_by:
        pieces.append(Inline(f"{say('between')}{say('acknowledged_by', name=alert.acknowledged_by)}"))
    if alert.incident:
        pieces += [Inline(say("between")), Inline(alert.incident, href=alert.incident_url)]
    for key, url in (("runbook", alert.runbook_url), ("query", alert.url)):
        if url:
            pieces += [Inline(say("between")), Inline(say(key), href=url)]
    return pieces


def _unknown(report: ObjectiveReport, formats: Formats) -> list[Block]:
    if not report.unknown:
        return []
    say = formats.say
    note = ""
    if report.unknown_count > len(report.unknown):
        note = say("losses_note_more", shown=len(report.unknown), count=report.unknown_count)
    rows = tuple(
        (
            plain(formats.moment(one.start), "figure"),
            plain(formats.until(one.start, one.end), "figure"),
            plain(formats.span(one.seconds)),
        )
        for one in report.unknown
    )
    headers = tuple(say(key) for key in ("from", "to", "unknown"))
    return [Table(say("unknown_stretches"), headers, rows, numeric=frozenset({2}), note=note)]


def _worst_minutes(report: ObjectiveReport, formats: Formats) -> Sequence[Block]:
    """Of time, the losses say it already; of events, a minute tells more than a stretch."""
    if report.objective.unit == "seconds" or not report.worst_minutes:
        return ()
    say = formats.say
    rows = tuple(
        (
            plain(formats.moment(moment(one.start)), "figure"),
            plain(formats.number(one.bad)),
            plain(formats.number(one.total)),
            plain(formats.share(one.bad / one.total, 1)),
        )
        for one in report.worst_minutes
    )
    headers = (say("minute"), say("bad"), say("total"), "%")
    return (Table(say("worst_minutes"), headers, rows, numeric=frozenset({1, 2, 3})),)
