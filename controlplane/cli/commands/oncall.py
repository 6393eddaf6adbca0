"""``cmctl oncall show``, ``override`` and ``audit``."""

import click

from controlplane.cli.commands.acknowledge import AUTHOR
from controlplane.cli.daemon import ask_daemon, tell_daemon
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import emit, format_table, output_option


@click.group()
def oncall() -> None:
    """Who is on call, who stands in, and whether every escalation was made."""


@oncall.command()
@output_option
@click.pass_obj
def show(invocation: Invocation, output: str) -> None:
    """Show who has each schedule now, and until when."""
    found = ask_daemon(invocation, "/api/v1/oncall")
    rows = [[one["schedule"], one["person"], one["until"][:16] + "Z", one["stands_in_for"] or "-"] for one in found]
    table = format_table(["SCHEDULE", "PERSON", "UNTIL", "STANDS IN FOR"], rows)
    emit(found, output, lambda: table if found else "no schedules")


@oncall.command()
@click.argument("schedule")
@click.argument("person")
@AUTHOR
@click.option("--for", "duration", required=True, metavar="DURATION", show_envvar=True, help="How long, such as 8h.")
@click.option("--start", show_envvar=True, help="A time with a zone; default: now.")
@output_option
@click.pass_obj
def override(
    invocation: Invocation, schedule: str, person: str, author: str, duration: str, start: str | None, output: str
) -> None:
    """Let PERSON (a receiver) stand in on SCHEDULE for a time."""
    from controlplane.domain.duration import parse_duration

    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from error
    request = {"schedule": schedule, "person": person, "author": author, "duration_seconds": seconds}
    if start is not None:
        request["starts_at"] = start
    made = tell_daemon(invocation, "/api/v1/oncall/override", request)
    emit(made, output, lambda: f"{person} has {schedule} from {made['starts_at'][:16]}Z to {made['ends_at'][:16]}Z")


@oncall.command()
@click.option("--since", default="7d", show_default=True, show_envvar=True, help="A time, or how long ago.")
@output_option
@click.pass_obj
def audit(invocation: Invocation, since: str, output: str) -> int:
    """Check that no escalation was missed; exit code 1 when one was.

    Works out anew which steps each alert should have made, from when it began,
    was acknowledged and ended, and compares with what was made.
    """
    missed = ask_daemon(invocation, "/api/v1/escalations/audit", [("since", since)])
    rows = [
        [one["priority"], one["name"], str(one["step"]), one["due_at"][:19] + "Z", (one["made_at"] or "never")[:19]]
        for one in missed
    ]
    table = format_table(["PRIO", "ALERT", "STEP", "DUE", "MADE"], rows)
    emit(missed, output, lambda: table if missed else "no escalation was missed")
    return 1 if missed else 0
