"""``cmctl mcp install|check``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from controlplane.config.load import Locations
    from controlplane.config.schema import Settings
    from controlplane.services.mcp_check import Step

Transport = Literal["http", "stdio"]


@click.group()
def mcp() -> None:
    """Connect the Claude CLI to the memory server."""


@mcp.command()
@click.option(
    "--client-config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="CMCTL_MCP_CLIENT_CONFIG",
    show_envvar=True,
    help="Configuration file of the client; default: that of the scope.",
)
@click.option(
    "--transport",
    type=click.Choice(["http", "stdio"]),
    default="http",
    show_default=True,
    envvar="CMCTL_MCP_TRANSPORT",
    show_envvar=True,
    help="http: the running server; stdio: the client starts a process, which passes calls to the running server.",
)
@click.option(
    "--scope",
    type=click.Choice(["user", "project"]),
    default="user",
    show_default=True,
    envvar="CMCTL_MCP_SCOPE",
    show_envvar=True,
    help="user: ~/.claude.json; project: .mcp.json in this folder.",
)
@click.option("--dry-run", is_flag=True, help="Show the change, and make none.")
@click.pass_obj
def install(
    invocation: Invocation,
    client_config: Path | None,
    transport: Transport,
    scope: Literal["user", "project"],
    dry_run: bool,
) -> None:
    """Enter the memory server in the configuration of the Claude CLI.

    Shows the change as a diff. Everything else in the file stays as it is, and the old file is kept beside it.
    """
    from controlplane.services.mcp_install import apply, http_entry, plan, stdio_entry
    from controlplane.wiring import mcp as wiring

    settings, locations = _load(invocation)
    entry = (
        http_entry(wiring.server_url(settings))
        if transport == "http"
        else stdio_entry(wiring.server_command(), wiring.server_config(settings, locations))
    )
    config = wiring.client_config(scope, client_config)
    change = plan(config, entry)
    if not change.is_change:
        click.echo(f"{change.path}: the memory server is entered already", err=True)
        return
    click.echo(change.diff(), nl=False)
    if dry_run:
        click.echo("dry run: nothing was written", err=True)
        return
    backup = apply(config, change)
    kept = f"; the old file is {backup}" if backup else ""
    click.echo(f"{change.path}: written{kept}", err=True)


@mcp.command()
@click.option(
    "--transport",
    type=click.Choice(["both", "http", "stdio"]),
    default="both",
    show_default=True,
    envvar="CMCTL_MCP_CHECK_TRANSPORT",
    show_envvar=True,
    help="Which way to try.",
)
@output_option
@click.pass_obj
def check(invocation: Invocation, transport: Literal["both", "http", "stdio"], output: str) -> int:
    """Prove the round trip: connect, list the tools, store a probe, find it, delete it.

    Exit code 0 when every step works, 1 when one fails, 4 when the server cannot be reached.
    """
    settings, locations = _load(invocation)
    transports: tuple[Transport, ...] = ("http", "stdio") if transport == "both" else (transport,)
    steps = _check(transports, settings, locations)
    emit(steps, output, lambda: _table(steps))
    return 0 if all(step.ok for step in steps) else 1


def _check(transports: tuple[Transport, ...], settings: "Settings", locations: "Locations") -> "list[Step]":
    import asyncio
    import logging
    import secrets

    from controlplane.services.mcp_check import check as check_transport
    from controlplane.wiring import mcp as wiring

    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # the outcome says it in our words
    steps: list[Step] = []
    for name in transports:
        connection = wiring.transport(name, settings, locations)
        steps += asyncio.run(check_transport(connection, f"probe{secrets.token_hex(8)}"))
    return steps


def _load(invocation: Invocation) -> "tuple[Settings, Locations]":
    from controlplane.config.load import load, locate

    locations = locate(invocation.config, invocation.data_dir)
    return load(locations), locations


def _table(steps: "list[Step]") -> str:
    rows = [
        [
            step.transport,
            step.step,
            colour("ok", "green") if step.ok else colour("failed", "red"),
            f"{step.duration_seconds * 1000:.0f} ms",
            step.detail,
        ]
        for step in steps
    ]
    return format_table(["TRANSPORT", "STEP", "RESULT", "TIME", "DETAIL"], rows)
