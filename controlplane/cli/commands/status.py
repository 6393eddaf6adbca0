"""``cmctl status``."""

from typing import TYPE_CHECKING

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import emit, output_option

if TYPE_CHECKING:
    from controlplane.domain.status import StatusReport
    from controlplane.services.status import StatusService

_CLEAR_SCREEN = "\x1b[H\x1b[2J"


@click.command()
@click.option("--all", "show_all", is_flag=True, help="Show the checks that are OK, too.")
@click.option("--watch", is_flag=True, help="Look again and again until interrupted.")
@click.option(
    "--interval",
    "interval_seconds",
    type=click.FloatRange(min=0.1),
    default=2,
    show_default=True,
    help="Seconds between two looks of --watch.",
)
@output_option
@click.pass_obj
def status(invocation: Invocation, show_all: bool, watch: bool, interval_seconds: float, output: str) -> int:
    """Show the state of everything on one screen.

    Everything is looked at directly, and the daemon is asked besides, so that
    a dead daemon or a stale answer never looks well. The exit code is that of
    a monitoring plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    """
    import asyncio

    from controlplane.errors import CmctlError, UsageProblem

    try:
        if watch and output != "table":
            raise UsageProblem("--watch shows a screen, not data", hint="leave out --watch, or the output format")
        service = _service(invocation)
    except CmctlError as error:
        error.exit_code = 3  # to a monitoring system, 1 and 2 would be verdicts on the stack
        raise
    if watch:
        return asyncio.run(_watch(service, interval_seconds, show_all))
    report = asyncio.run(service.report())
    emit(report, output, lambda: _screen(report, show_all))
    return int(report.state)


def _service(invocation: Invocation) -> "StatusService":
    from controlplane.cli.settings import load_settings
    from controlplane.config.paths import DataLayout
    from controlplane.wiring.status import build_status

    settings = load_settings(invocation)
    return build_status(settings, DataLayout(settings.data_dir))


def _screen(report: "StatusReport", show_all: bool) -> str:
    from controlplane.cli.status_screen import render

    return render(report, show_all)


async def _watch(service: "StatusService", interval_seconds: float, show_all: bool) -> int:
    """Redraw until the user interrupts; the exit code is that of the last look."""
    import asyncio
    import signal
    import sys

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    code = 3
    while not stop.is_set():
        report = await service.report()
        code = int(report.state)
        click.echo(_CLEAR_SCREEN if sys.stdout.isatty() else "", nl=False)
        click.echo(_screen(report, show_all))
        try:
            async with asyncio.timeout(interval_seconds):
                await stop.wait()
        except TimeoutError:
            continue
    return code
