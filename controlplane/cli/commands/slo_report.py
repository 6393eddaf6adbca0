"""``cmctl slo report``: the SLA report as a page, a text, data or a PDF."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import plain
from controlplane.errors import CmctlError, UsageProblem

if TYPE_CHECKING:
    from controlplane.domain.slo.objective import Calendar
    from controlplane.services.slo.report.period_request import PeriodRequest

_UNITS: "tuple[Calendar, ...]" = ("day", "week", "month", "quarter")
_EXAMPLES = {"day": "2026-10-31", "week": "2026-W44", "month": "2026-10", "quarter": "2026-Q4"}


def _calendar_options(function: Any) -> Any:
    for unit in reversed(_UNITS):
        text = f"The calendar {unit}: current, last, or such as {_EXAMPLES[unit]}."
        function = click.option(
            f"--{unit}", is_flag=False, flag_value="current", metavar=unit.upper(), show_envvar=True, help=text
        )(function)
    return function


@click.command()
@click.option(
    "--objective", "names", multiple=True, show_envvar=True, help="Only this objective; may be given more than once."
)
@click.option("--window", metavar="DURATION", show_envvar=True, help="The latest so much time, such as 30d.")
@_calendar_options
@click.option("--from", "start", metavar="TIME", show_envvar=True, help="A date, a time with a zone, or how long ago.")
@click.option("--to", "end", metavar="TIME", show_envvar=True, help="The same; default now.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, show_envvar=True)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["md", "html", "json", "pdf"]),
    default="md",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--out", "target", type=click.Path(path_type=Path, dir_okay=False), show_envvar=True, help="Write to this file."
)
@click.pass_obj
def report(
    invocation: Invocation,
    /,
    names: tuple[str, ...],
    lang: str,
    output: str,
    target: Path | None,
    **period: str | None,
) -> None:
    """Report how well the objectives were kept: verdict, losses and what is behind them, error budget.

    Without a period each objective is reported over its own window, as `slo status` does. What cannot be
    had is reported as unknown; the report says which part, and why.
    """
    if output == "pdf" and target is None and sys.stdout.isatty():
        raise UsageProblem("a PDF is nothing for a terminal", hint="add --out FILE, or redirect the output")
    _emit(_make(invocation, names, _requested(period), output, lang), target)


def _requested(period: dict[str, str | None]) -> "PeriodRequest":
    from controlplane.services.slo.report.period_request import PeriodRequest

    units = [(unit, period[unit]) for unit in _UNITS if period[unit] is not None]
    if len(units) > 1:
        raise UsageProblem(f"{' and '.join(f'--{unit}' for unit, _ in units)} exclude each other")
    calendar = next(((unit, name) for unit, name in units if name is not None), None)
    return PeriodRequest(period["window"], calendar, period["start"], period["end"])


def _make(
    invocation: Invocation, names: tuple[str, ...], request: "PeriodRequest", output: str, language: str
) -> bytes:
    import asyncio
    from datetime import UTC, datetime

    from controlplane.config.load import load, locate
    from controlplane.services.slo.report.period_request import resolve_period
    from controlplane.wiring.objectives import objectives_of

    settings = load(locate(invocation.config, invocation.data_dir))
    time_zone = settings.reports.time_zone
    period = resolve_period(request, time_zone, datetime.now(UTC))
    objectives = objectives_of(settings, names)
    # Only now, since loading what makes a report takes longer than finding a wrong option.
    from controlplane.services.slo.report.record import report_record
    from controlplane.wiring.reports import make_report, render_report

    made = asyncio.run(make_report(settings, objectives, period))
    if not made.is_complete:
        click.echo("part of this report is unknown because something did not answer; it says what", err=True)
    if output == "json":
        return (json.dumps(plain(report_record(made)), ensure_ascii=False, indent=2) + "\n").encode()
    return render_report(made, output, "zh" if language == "zh" else "en", time_zone)


def _emit(content: bytes, target: Path | None) -> None:
    """To stdout, or to a file that is whole or not there."""
    if target is None:
        sys.stdout.buffer.write(content)
        return
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    except OSError as error:
        raise CmctlError(
            f"{target} cannot be written: {error.strerror}", hint="name another file with --out"
        ) from error
    click.echo(f"{target}: written", err=True)
