"""Drills as people are shown them."""

from collections.abc import Sequence

from controlplane.cli.output import colour, format_table
from controlplane.domain.backup.drill import DrillReport

_MARKS = {True: ("ok", "green"), False: ("failed", "red"), None: ("not compared", "yellow")}


def drill_details(report: DrillReport) -> str:
    """One drill with everything that was looked at."""
    head = [
        ["drill", f"{report.id} of set {report.set_id or '-'}: {_outcome(report)}"],
        ["RPO", _seconds(report.rpo_seconds)],
        ["RTO", f"{_seconds(report.rto_seconds)} ({report.total_seconds:.1f} s with looking and cleaning up)"],
    ]
    lines = [f"{name:<9}{value}" for name, value in head]
    if report.problem:
        lines.append(f"{'problem':<9}{colour(report.problem, 'red')}")
    rows = [[item.name, colour(*_MARKS[item.ok]), item.detail] for item in report.checks]
    return "\n".join(lines) + ("\n\n" + format_table(["CHECK", "RESULT", ""], rows) if rows else "")


def drill_table(reports: Sequence[DrillReport]) -> str:
    """Drills, one a line."""
    if not reports:
        return "no drill yet; make one with: cmctl backup drill"
    rows = [
        [
            item.id,
            item.set_id or "-",
            _outcome(item),
            _seconds(item.rpo_seconds),
            _seconds(item.rto_seconds),
            item.problem,
        ]
        for item in reports
    ]
    return format_table(["ID", "SET", "OUTCOME", "RPO", "RTO", ""], rows)


def _outcome(report: DrillReport) -> str:
    return colour(report.outcome, "green" if report.is_passed else "red")


def _seconds(value: float | None) -> str:
    return f"{value:.1f} s" if value is not None else "-"
