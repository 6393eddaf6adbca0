"""``cmctl check run`` and ``cmctl check list``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from controlplane.domain.check import CheckResult, CheckSpec, CheckState

STATE_COLOURS = {"OK": "green", "WARNING": "yellow", "CRITICAL": "red", "UNKNOWN": "magenta"}


@click.group()
def check() -> None:
    """Run and list health checks."""


def _complete_check(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.checks import check_specs

    root = ctx.find_root().params
    invocation = Invocation(root.get("config"), root.get("data_dir"), 0)
    return [spec.name for spec in check_specs(load_settings(invocation)) if spec.name.startswith(incomplete)]


@check.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=_complete_check)
@output_option
@click.pass_obj
def run(invocation: Invocation, names: tuple[str, ...], output: str) -> int:
    """Run checks now, all at once, without the daemon.

    Without NAME every configured check runs. The exit code is that of a
    monitoring plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; so is the first
    line of the table, performance data included.
    """
    from controlplane.domain.check import worst
    from controlplane.domain.perfdata import plugin_line
    from controlplane.errors import CmctlError

    try:
        results, specs = _run(invocation, names)
    except CmctlError as error:
        error.exit_code = 3  # to a monitoring system, 1 and 2 would be verdicts on the stack
        raise
    emit(results, output, lambda: plugin_line(results, specs) + "\n" + _result_table(results))
    return int(worst([result.state for result in results]))


@check.command("list")
@output_option
@click.pass_obj
def list_checks(invocation: Invocation, output: str) -> None:
    """List the configured checks: what each looks at, and its limits."""
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.checks import check_specs

    specs = check_specs(load_settings(invocation))
    emit([_listed(spec) for spec in specs], output, lambda: _spec_table(specs))


def state_text(state: "CheckState") -> str:
    """A state's name in its colour."""
    return colour(state.name, STATE_COLOURS[state.name])


def _run(invocation: Invocation, names: Sequence[str]) -> tuple[list["CheckResult"], list["CheckSpec"]]:
    import asyncio

    from controlplane.cli.settings import load_settings
    from controlplane.config.paths import DataLayout
    from controlplane.wiring.checks import build_engine

    settings = load_settings(invocation)
    engine = build_engine(settings, DataLayout(settings.data_dir))
    wanted = list(dict.fromkeys(names)) or [spec.name for spec in engine.definitions]
    return asyncio.run(engine.run(wanted)), engine.definitions


def _result_table(results: Sequence["CheckResult"]) -> str:
    rows = [[r.name, state_text(r.state), r.message, f"{r.duration_seconds * 1000:.0f} ms"] for r in results]
    return format_table(["CHECK", "STATE", "MESSAGE", "TOOK"], rows)


def _spec_table(specs: Sequence["CheckSpec"]) -> str:
    rows = [
        [
            spec.name,
            spec.kind,
            spec.target or "-",
            _limit(spec.limits.warning),
            _limit(spec.limits.critical),
            f"{spec.timeout_seconds:g} s",
        ]
        for spec in specs
    ]
    return format_table(["CHECK", "KIND", "TARGET", "WARNING", "CRITICAL", "TIMEOUT"], rows)


def _limit(value: float | None) -> str:
    return "-" if value is None else f"{value:.10g}"


def _listed(spec: "CheckSpec") -> dict[str, object]:
    return {
        "name": spec.name,
        "kind": spec.kind,
        "target": spec.target,
        "warning": spec.limits.warning,
        "critical": spec.limits.critical,
        "lower_is_worse": spec.limits.lower_is_worse,
        "timeout_seconds": spec.timeout_seconds,
        "failures_before_change": spec.failures_before_change,
    }
