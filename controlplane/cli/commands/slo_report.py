"""``cmctl slo report`` and ``cmctl slo reports``: SLA reports as pages, texts, data or PDF."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import emit, format_table, output_option, plain
from controlplane.errors import CmctlError, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controlplane.domain.slo.kept_report import KeptReport
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
    "--id",
    "report_id",
    metavar="ID",
    show_envvar=True,
    help="Print a kept report instead of making one; see slo reports.",
)
@click.option("--keep", is_flag=True, show_envvar=True, help="Keep the report of a day, week or month, all formats.")
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
    report_id: str | None,
    keep: bool,
    target: Path | None,
    **period: str | None,
) -> None:
    """Report how well the objectives were kept: verdict, losses and what is behind them, error budget.

    Without a period each objective is reported over its own window, as `slo status` does. What cannot be
    had is reported as unknown; the report says which part, and why.
    """
    if output == "pdf" and target is None and sys.stdout.isatty():
        raise UsageProblem("a PDF is nothing for a terminal", hint="add --out FILE, or redirect the output")
    request = _requested(period)
    if report_id is not None:
        if names or keep or request.is_given:
            raise UsageProblem("--id prints what is kept", hint="leave out the period, --objective and --keep")
        _emit(_kept(invocation, report_id, output, lang), target)
    elif keep:
        _keep(invocation, names, request)
    else:
        _emit(_make(invocation, names, request, output, lang), target)


@click.command()
@click.option(
    "--make-due", is_flag=True, show_envvar=True, help="First make what is due; the daemon does so every hour."
)
@output_option
@click.pass_obj
def reports(invocation: Invocation, make_due: bool, output: str) -> None:
    """List the SLA reports that are kept; `slo report --id ID` prints one, and so does /reports of the web page."""
    import asyncio

    from controlplane.config.load import load, locate

    settings = load(locate(invocation.config, invocation.data_dir))
    if make_due:
        from controlplane.wiring.reports import make_due_reports

        result, sent = asyncio.run(make_due_reports(settings))
        emit({**plain(result), "sent": plain(sent)}, output, lambda: _kept_table(result.made))
        return
    from controlplane.wiring.kept_reports import kept_entries

    entries = asyncio.run(kept_entries(settings))
    emit(entries, output, lambda: _kept_table(entries))


@click.command()
@click.argument("report_id", metavar="[ID]", default="latest")
@click.option("--to", "receivers", multiple=True, show_envvar=True, help="Only to this receiver of reports.send_to.")
@click.option("--again", is_flag=True, show_envvar=True, help="Also to whom it was sent before.")
@output_option
@click.pass_obj
def send(invocation: Invocation, report_id: str, receivers: tuple[str, ...], again: bool, output: str) -> None:
    """Send people a message about the kept report ID, by default the latest, now.

    It goes through the outbox like every notification; see `alerts deliveries`.
    Whom it was sent to before gets it only --again.
    """
    import asyncio

    from controlplane.config.load import load, locate
    from controlplane.services.slo.report.send import SentReport
    from controlplane.wiring.kept_reports import report_sender

    async def put() -> list[SentReport]:
        async with report_sender(load(locate(invocation.config, invocation.data_dir))) as sender:
            return await sender.send(report_id, receivers, again)

    sent = asyncio.run(put())
    words = {True: "in the outbox", False: "sent before; --again repeats it"}
    rows = [[one.report, one.receiver, words[one.is_new]] for one in sent]
    emit(sent, output, lambda: format_table(["REPORT", "RECEIVER", "STATE"], rows))


def _kept_table(entries: "Sequence[KeptReport]") -> str:
    rows = [
        [
            one.id,
            one.verdict.replace("_", " "),
            f"{one.starts_at:%Y-%m-%d %H:%M}",
            f"{one.ends_at:%Y-%m-%d %H:%M}",
            f"{one.generated_at:%Y-%m-%d %H:%M}",
            str(one.revision),
            "yes" if one.complete else "no",
        ]
        for one in entries
    ]
    return format_table(["REPORT", "VERDICT", "FROM (UTC)", "TO (UTC)", "MADE (UTC)", "REVISION", "COMPLETE"], rows)


def _kept(invocation: Invocation, report_id: str, output: str, language: str) -> bytes:
    import asyncio

    from controlplane.config.load import load, locate
    from controlplane.domain.slo.kept_report import DATA_FILE, file_name
    from controlplane.wiring.kept_reports import kept_file

    settings = load(locate(invocation.config, invocation.data_dir))
    name = DATA_FILE if output == "json" else file_name(language, output)
    content = asyncio.run(kept_file(settings, report_id, name))
    if content is None:
        raise UsageProblem(f"there is no report {report_id!r}", hint="type: cmctl slo reports")
    return content


def _keep(invocation: Invocation, names: tuple[str, ...], request: "PeriodRequest") -> None:
    import asyncio
    from datetime import UTC, datetime

    from controlplane.config.load import load, locate
    from controlplane.domain.slo.kept_report import KINDS
    from controlplane.services.slo.report.period_request import resolve_period

    settings = load(locate(invocation.config, invocation.data_dir))
    period = resolve_period(request, settings.reports.time_zone, datetime.now(UTC))
    kind = next((kind for kind in KINDS if period is not None and period.kind == kind), None)
    if period is None or kind is None or names:
        raise UsageProblem("only reports of a day, a week or a month on all objectives are kept")
    from controlplane.wiring.reports import keep_report

    entry = asyncio.run(keep_report(settings, kind, period))
    click.echo(f"{entry.id}: kept, revision {entry.revision}", err=True)


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
    from controlplane.wiring.reports import make_report, record_json, render_report

    made = asyncio.run(make_report(settings, objectives, period))
    if not made.is_complete:
        click.echo("part of this report is unknown because something did not answer; it says what", err=True)
    if output == "json":
        return record_json(made)
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
