"""Entry point of ``cmctl``: global options, lazy commands, exit codes."""

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from controlplane.cli.invocation import Invocation
from controlplane.errors import CmctlError, InvalidConfiguration

# name -> "module:attribute"; a command's module is imported only when it is called or asked for help.
COMMANDS = {
    "up": ("controlplane.cli.commands.stack:up", "Start the embedded stack and wait until it is healthy."),
    "down": ("controlplane.cli.commands.stack:down", "Stop the embedded stack cleanly."),
    "status": ("controlplane.cli.commands.status:status", "Show the state of everything on one screen."),
    "check": ("controlplane.cli.commands.check:check", "Run and list health checks."),
    "alerts": ("controlplane.cli.commands.alerts:alerts", "List, show and test alerts."),
    "backup": ("controlplane.cli.commands.backup:backup", "Make, list and prove recovery sets."),
    "incident": ("controlplane.cli.commands.incident:incident", "List, show, note, close and report incidents."),
    "remediation": ("controlplane.cli.commands.remediation:remediation", "Show what was tried by itself."),
    "silence": ("controlplane.cli.commands.silence:silence", "Mute alerts in Alertmanager for a time."),
    "oncall": ("controlplane.cli.commands.oncall:oncall", "Show who is on call; check the escalations."),
    "restore": ("controlplane.cli.commands.restore:restore", "Restore a recovery set, or go back to before that."),
    "slo": ("controlplane.cli.commands.slo:slo", "Show where the objectives stand; generate their alert rules."),
    "maintenance": (
        "controlplane.cli.commands.maintenance:maintenance",
        "Enter, list and end windows that do not count.",
    ),
    "anomaly": ("controlplane.cli.commands.anomaly:anomaly", "Score series and review what is unusual."),
    "jobs": ("controlplane.cli.commands.jobs:jobs", "List, run and review scheduled jobs."),
    "logs": ("controlplane.cli.commands.logs:logs", "Show the logs of the components."),
    "mcp": ("controlplane.cli.commands.mcp:mcp", "Connect the Claude CLI to the memory server."),
    "config": ("controlplane.cli.commands.config:config", "Show and validate the configuration."),
    "diagnose": (
        "controlplane.cli.commands.diagnose:diagnose",
        "Walk the troubleshooting trees; name cause and remedy.",
    ),
    "serve": ("controlplane.cli.commands.serve:serve", "Run the control plane daemon in the foreground."),
    "migrate": ("controlplane.cli.commands.migrate:migrate", "Create or update the control plane's tables."),
    "completion": ("controlplane.cli.commands.completion:completion", "Print shell completion for bash, zsh or fish."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module_name, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module_name), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"no such command {args[0]!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "CMCTL"})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="CMCTL_CONFIG",
    show_envvar=True,
    help="Configuration file; default: etc/cmctl.yml of the data directory.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    envvar="CMCTL_DATA_DIR",
    show_envvar=True,
    help="Directory that holds the state of the stack.",
)
@click.option("-v", "verbosity", count=True, help="More detail on stderr; -vv adds tracebacks.")
@click.version_option(package_name="claude-memory-controlplane", prog_name="cmctl")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, data_dir: Path | None, verbosity: int) -> None:
    """Control plane of the Claude memory service."""
    ctx.obj = Invocation(config=config, data_dir=data_dir, verbosity=verbosity)


def main() -> None:
    """Run the command line and exit with its code. The only place that turns errors into exit codes."""
    try:
        result = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        print("aborted", file=sys.stderr)
        sys.exit(5)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CmctlError as error:
        _report(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)


def _report(error: CmctlError) -> None:
    if _wants_traceback():
        import traceback

        traceback.print_exception(error)
    click.echo(f"error: {error.message}", err=True)
    if isinstance(error, InvalidConfiguration):
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def _wants_traceback() -> bool:
    return any(argument in ("-vv", "-vvv") for argument in sys.argv[1:])


if __name__ == "__main__":
    main()
