"""``cmctl serve``: the control plane daemon in the foreground."""

import click

from controlplane.cli.invocation import Invocation


@click.command()
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    show_envvar=True,
    help="Least severe messages to log.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    show_envvar=True,
    help="Log lines for people or for machines; to stderr.",
)
@click.pass_obj
def serve(invocation: Invocation, log_level: str, log_format: str) -> None:
    """Run the control plane daemon in the foreground.

    SIGTERM drains it: running requests end, accepted alerts are on disk.
    """
    from controlplane.config.load import load, locate
    from controlplane.daemon.logs import configure
    from controlplane.wiring.daemon import run_daemon

    locations = locate(invocation.config, invocation.data_dir)
    settings = load(locations)
    configure("debug" if invocation.verbosity else log_level, log_format)
    run_daemon(settings, locations)
