"""``cmctl slo``: list objectives, show where they stand, report on them, generate their rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.commands.slo_report import report, reports, send
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option
from controlplane.errors import CmctlError, UsageProblem

if TYPE_CHECKING:
    from controlplane.config.load import Locations
    from controlplane.domain.slo.objective import Objective

_VERDICTS = {
    "met": ("met", "green"),
    "at_risk": ("at risk", "yellow"),
    "missed": ("missed", "red"),
    "not_enough_data": ("not enough data", "yellow"),
}
_TRENDS = {"rising": "rising", "steady": "steady", "falling": "falling", "unknown": "-"}


@click.group()
def slo() -> None:
    """Service level objectives: how much was good, how much may still go wrong."""


slo.add_command(report)
slo.add_command(reports)
slo.add_command(send)


@slo.command("list")
@output_option
@click.pass_obj
def list_objectives(invocation: Invocation, output: str) -> None:
    """List the objectives of the profile."""
    from controlplane.config.load import locate
    from controlplane.wiring.slo import read_objectives

    records = [_definition(one) for one in read_objectives(locate(invocation.config, invocation.data_dir))]
    emit(records, output, lambda: _list_table(records))


@slo.command()
@click.option(
    "--objective",
    "names",
    multiple=True,
    show_envvar=True,
    help="Only this objective; may be given more than once.",
)
@output_option
@click.pass_obj
def status(invocation: Invocation, names: tuple[str, ...], output: str) -> None:
    """Show one line per objective: SLI, coverage, budget left, burn rate, time to exhaustion."""
    import asyncio

    from controlplane.config.load import locate
    from controlplane.services.slo.present import as_record
    from controlplane.wiring.slo import assess, read_objectives

    locations = locate(invocation.config, invocation.data_dir)
    assessments = asyncio.run(assess(locations, read_objectives(locations, names)))
    records = [as_record(assessment) for assessment in assessments]
    emit(records, output, lambda: _status_table(records))
    if output == "table":
        _tell_problems(records)


@slo.command()
@click.option(
    "--again", is_flag=True, show_envvar=True, help="Compute every day that Prometheus remembers, not only the missing."
)
@output_option
@click.pass_obj
def rollup(invocation: Invocation, again: bool, output: str) -> int:
    """Keep the days that are over, for windows longer than Prometheus remembers.

    The control plane does it every hour. Exit code 1 when a day could not be
    computed; it is tried again next time.
    """
    import asyncio

    from controlplane.config.load import locate
    from controlplane.wiring.slo import read_objectives, roll_up

    locations = locate(invocation.config, invocation.data_dir)
    result = asyncio.run(roll_up(locations, read_objectives(locations), again))
    sentence = f"{result.written} days written, {result.kept} kept, {len(result.problems)} problems"
    emit(result, output, lambda: sentence)
    for problem in result.problems:
        click.echo(problem, err=True)
    return 1 if result.problems else 0


@slo.command()
@click.option("--check", is_flag=True, show_envvar=True, help="Change nothing; fail when a file is out of date.")
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    show_envvar=True,
    help="Folder of the rule files; default: the shipped alert_rules, and etc/alert_rules for your own objectives.",
)
@click.option("--profile", "profiles", multiple=True, show_envvar=True, help="Only this profile; default: all.")
@click.pass_obj
def generate(invocation: Invocation, check: bool, folder: Path | None, profiles: tuple[str, ...]) -> None:
    """Write slo-PROFILE.yml: recording rules and burn-rate alerts for Prometheus.

    A file of yours in etc/objectives takes the place of the shipped one; cmctl
    up loads its rules by itself.
    """
    from controlplane.config.load import locate
    from controlplane.config.objectives import load_objectives
    from controlplane.config.paths import DataLayout, resource_dir
    from controlplane.services.slo.rule_file import rule_file

    shipped, locations = resource_dir("objectives"), locate(invocation.config, invocation.data_dir)
    own = DataLayout(locations.data_dir).etc
    stale = []
    for source in _sources((shipped, own / "objectives"), profiles):
        is_own = source.parent != shipped
        target = folder or (own / "alert_rules" if is_own else resource_dir("alert_rules"))
        path = target / f"slo-{source.stem}.yml"
        # The shipped files are made for the default scrape interval, whatever runs here.
        step = [_scrape_interval(locations)] if is_own else []
        text = rule_file(source.stem, load_objectives(source, *step))
        if path.exists() and path.read_text(encoding="utf-8") == text:
            click.echo(f"{path}: up to date", err=True)
        elif check:
            stale.append(str(path))
        else:
            _write(path, text)
    if stale:
        raise CmctlError(f"out of date: {', '.join(stale)}", hint="type: cmctl slo generate")


@slo.command()
def reference() -> None:
    """Print the reference page of objectives, docs/objectives.md."""
    from controlplane.config.objectives_reference import objectives_page

    click.echo(objectives_page(), nl=False)


def _scrape_interval(locations: "Locations") -> float:
    from controlplane.config.load import load

    return load(locations).prometheus.scrape_interval_seconds


def _sources(folders: Sequence[Path], profiles: Sequence[str]) -> list[Path]:
    """The objectives of each profile; those of a later folder take the place of an earlier one's."""
    found = {path.stem: path for folder in folders for path in sorted(folder.glob("*.yml"))}
    for profile in profiles:
        if profile not in found:
            raise UsageProblem(f"profile {profile!r} has no objectives", hint=f"there are: {', '.join(found)}")
    return [path for name, path in found.items() if not profiles or name in profiles]


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".yml.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise CmctlError(f"{path} cannot be written: {error.strerror}", hint="name a folder with --output") from error
    click.echo(f"{path}: written", err=True)


def _definition(objective: "Objective") -> dict[str, Any]:
    from controlplane.domain.slo.promql import prometheus_duration, slot_expressions

    window, expressions = objective.window, slot_expressions(objective)
    step = prometheus_duration(objective.sampling.step_seconds)
    return {
        "name": objective.name,
        "service": objective.service,
        "title": objective.title,
        "title_zh": objective.title_zh,
        "description": objective.description,
        "objective": objective.target,
        "unit": objective.unit,
        "indicator": type(objective.indicator).__name__.removesuffix("Indicator").lower(),
        "window": window.calendar or prometheus_duration(window.nominal_seconds),
        "time_zone": window.time_zone,
        "step_seconds": objective.sampling.step_seconds,
        "bad_query": expressions.bad(step),
        "total_query": expressions.total(step),
    }


def _list_table(records: Sequence[dict[str, Any]]) -> str:
    rows = [[one["name"], _percent(one["objective"]), one["window"], one["unit"], one["title"]] for one in records]
    return format_table(["OBJECTIVE", "TARGET", "WINDOW", "COUNTS", "TITLE"], rows)


def _status_table(records: Sequence[dict[str, Any]]) -> str:
    headers = ["OBJECTIVE", "VERDICT", "SLI", "TARGET", "COVERAGE", "BUDGET LEFT", "BURN RATE", "TREND", "EXHAUSTED IN"]
    return format_table(headers, [_status_row(record) for record in records])


def _status_row(record: dict[str, Any]) -> list[str]:
    text, name = _VERDICTS[record["verdict"]]
    rate = record["burn_rate"]
    return [
        record["name"],
        colour(text, name),
        _percent(record["sli"]),
        _percent(record["objective"]),
        _percent(record["coverage"], 2),
        _percent(record["error_budget_remaining"], 1),
        "-" if rate is None else f"{rate:.2f}",
        _TRENDS[record["trend"]],
        _span(record["time_to_exhaustion_seconds"]),
    ]


def _percent(ratio: float | None, digits: int = 3) -> str:
    return "-" if ratio is None else f"{ratio * 100:.{digits}f} %"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def _tell_problems(records: Sequence[dict[str, Any]]) -> None:
    """Each problem once, with the objectives it is about; series without data in one sentence."""
    from controlplane.services.slo.assess import NO_DATA

    about: dict[str, list[str]] = {}
    silent: set[str] = set()
    touched: list[str] = []
    for record in records:
        problems = set(record["problems"])
        without = {problem for problem in problems if problem.endswith(NO_DATA)}
        silent |= without
        touched += [record["name"]] if without else []
        for problem in sorted(problems - without):
            about.setdefault(problem, []).append(record["name"])
    for problem, names in about.items():
        click.echo(f"{', '.join(names)}: {problem}", err=True)
    if silent:
        objectives = ", ".join(touched)
        click.echo(f"series without data in the window: {len(silent)} ({objectives}); -o json names them", err=True)
