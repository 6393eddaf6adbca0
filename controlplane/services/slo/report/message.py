"""A report as a message: the verdict in the title, then where the report is, then a line for each objective."""

from collections.abc import Sequence

from controlplane.domain.notification.hostile import harmless
from controlplane.domain.slo.report import ObjectiveReport, Report
from controlplane.services.slo.report.compose import overall_sentence, worst_first
from controlplane.services.slo.report.formats import DASH, Formats
from controlplane.services.slo.report.objective_section import title_of
from controlplane.services.slo.report.words import Language, Speaker

MAX_TITLE = 100


def report_message(report: Report, language: Language, time_zone: str, page_url: str) -> str:
    """The title in the first line, then the body. The report is one over a day, a week or a month, at ``page_url``."""
    say = Speaker(language)
    formats = Formats(say, time_zone)
    if report.period is None:
        raise ValueError("only a report over a calendar unit is sent")
    period = say(f"message_period_{report.period.kind}", name=report.period.name)
    objectives = worst_first(report.objectives)
    lines = [
        say("message_title", verdict=say(report.verdict), period=period, profile=harmless(report.profile, MAX_TITLE)),
        overall_sentence(objectives, formats),
        *([] if report.is_complete else [say("message_incomplete")]),
        say("message_link", url=page_url),
        *_lines(objectives, formats),
    ]
    return "\n".join(lines)


def _lines(objectives: Sequence[ObjectiveReport], formats: Formats) -> list[str]:
    say = formats.say
    lines = []
    for one in objectives:
        figures, unit = one.figures, one.objective.unit
        is_known = figures.sli is not None
        lines.append(
            say(
                "message_line",
                verdict=say(figures.verdict),
                title=harmless(title_of(one.objective, say), MAX_TITLE),
                sli=formats.share(figures.sli),
                target=formats.target(one.objective.target),
                lost=formats.amount(unit, figures.quantities.bad) if is_known else DASH,
                left=formats.share(figures.budget.remaining_ratio, 1) if is_known else DASH,
                coverage=formats.share(figures.coverage, 2),
            )
        )
    return lines
