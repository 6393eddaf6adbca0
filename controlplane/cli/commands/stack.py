"""``cmctl up`` and ``cmctl down``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controlplane.cli.completion import complete_component
from controlplane.cli.invocation import Invocation

if TYPE_CHECKING:
    from controlplane.config.schema import Settings
    from controlplane.services.stack import UpReport
    from controlplane.wiring.embedded import EmbeddedStack

_data_dir_option = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Directory that holds the state of the stack."
)
_timeout_option = click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=1),
    default=120,
    show_default=True,
    help="Seconds until a component that is not healthy is given up.",
)


@click.command()
@click.argument("components", nargs=-1, metavar="[COMPONENT]...", shell_complete=complete_component)
@_data_dir_option
@click.option("--port-offset", type=click.IntRange(0, 50000), help="Added to every port; kept in cmctl.yml.")
@_timeout_option
@click.pass_obj
def up(
    invocation: Invocation,
    components: tuple[str, ...],
    data_dir: Path | None,
    port_offset: int | None,
    timeout_seconds: float,
) -> None:
    """Start the embedded stack and wait until it is healthy.

    Without COMPONENT everything is started. What already runs is left alone
    unless its configuration changed. When something fails, what this call has
    started is stopped again.
    """
    from controlplane.cli.signals import end_like_ctrl_c

    _check_components(components)
    end_like_ctrl_c()
    report, settings = _stack(invocation, data_dir).up(components, port_offset, timeout_seconds)
    click.echo(_summary(report), err=True)
    click.echo(_table(report, settings))


@click.command()
@click.argument("components", nargs=-1, metavar="[COMPONENT]...", shell_complete=complete_component)
@_data_dir_option
@_timeout_option
@click.pass_obj
def down(invocation: Invocation, components: tuple[str, ...], data_dir: Path | None, timeout_seconds: float) -> None:
    """Stop the embedded stack cleanly; its data stays.

    Without COMPONENT everything is stopped.
    """
    _check_components(components)
    stopped = _stack(invocation, data_dir).down(components, timeout_seconds)
    click.echo(f"stopped {', '.join(stopped)}" if stopped else "already stopped", err=True)


def _stack(invocation: Invocation, data_dir: Path | None) -> "EmbeddedStack":
    from controlplane.cli.progress import stderr_progress
    from controlplane.config.load import locate
    from controlplane.wiring.embedded import EmbeddedStack

    if data_dir is not None:
        invocation = replace(invocation, data_dir=data_dir)
    return EmbeddedStack(locate(invocation.config, invocation.data_dir), stderr_progress())


def _check_components(names: Sequence[str]) -> None:
    from controlplane.domain.component import STAGES, unknown_components
    from controlplane.errors import UsageProblem

    if unknown := unknown_components(names):
        known = ", ".join(component for stage in STAGES for component in stage)
        raise UsageProblem(f"no such component: {', '.join(unknown)}", hint=f"one of {known}")


def _summary(report: "UpReport") -> str:
    parts = [
        f"{verb} {', '.join(names)}"
        for verb, names in (
            ("started", report.started),
            ("restarted with changed configuration:", report.restarted),
            ("reloaded", report.reloaded),
        )
        if names
    ]
    return "; ".join(parts) if parts else "already running"


def _table(report: "UpReport", settings: "Settings") -> str:
    from controlplane.cli.output import colour, format_table

    rows = []
    for status in report.statuses:
        state = "healthy" if status.component in report.healthy else status.state.value
        state = colour(state, "green" if state == "healthy" else "yellow")
        rows.append([status.component, state, str(status.pid or "-"), _address(status.component, settings)])
    return format_table(["COMPONENT", "STATE", "PID", "ADDRESS"], rows)


def _address(component: str, settings: "Settings") -> str:
    if component == "postgresql":
        return f"{settings.postgresql.host}:{settings.port('postgresql')}"
    if component == "wal_receiver":
        return str(settings.backup_directory / "wal")
    return settings.url(component) + ("/mcp" if component == "mcp_server" else "")
