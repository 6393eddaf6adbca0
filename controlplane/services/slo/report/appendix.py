"""How the figures of a report were computed: rules, and the queries of each objective to check them with."""

from collections.abc import Sequence

from controlplane.domain.slo.promql import prometheus_duration, slot_expressions
from controlplane.domain.slo.report import ObjectiveReport
from controlplane.services.slo.report.document import Cell, Section, Table, Text, plain
from controlplane.services.slo.report.formats import Formats


def how_section(objectives: Sequence[ObjectiveReport], formats: Formats) -> Section:
    """The last section."""
    say = formats.say
    keys = ("objective", "how_counts", "how_slot", "what", "query_text")
    table = Table(
        say("how_table"),
        tuple(say(key) for key in keys),
        tuple(row for one in objectives for row in _rows(one, formats)),
        wide=4,
        note=say("how_check"),
    )
    return Section("how", say("how"), (Text(plain(say("how_rules"))), Text(plain(say("how_losses"))), table))


def _rows(report: ObjectiveReport, formats: Formats) -> list[tuple[Cell, ...]]:
    say, objective = formats.say, report.objective
    step = prometheus_duration(objective.sampling.step_seconds)
    expressions = slot_expressions(objective)
    counts = plain(say(f"how_{objective.unit}"))
    return [
        (plain(objective.name), counts, plain(step), plain(say("how_bad")), plain(expressions.bad(step), "code")),
        (plain(""), plain(""), plain(""), plain(say("how_total")), plain(expressions.total(step), "code")),
    ]
