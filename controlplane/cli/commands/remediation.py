"""``cmctl remediation list``."""

from typing import Any

import click

from controlplane.cli.daemon import ask_daemon
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

_COLOURS = {"succeeded": "green", "failed": "red", "interrupted": "red", "running": "yellow"}
_DETAIL_WIDTH = 100


@click.group()
def remediation() -> None:
    """What the control plane tried by itself."""


@remediation.command("list")
@click.option("--since", default="7d", show_default=True, show_envvar=True, help="A time, or how long ago.")
@output_option
@click.pass_obj
def list_remediations(invocation: Invocation, since: str, output: str) -> None:
    """List attempts of remedies, dry runs included, newest first."""
    found = ask_daemon(invocation, "/api/v1/remediations", [("since", since)])
    headers = ["STARTED", "REMEDY", "ALERT", "INCIDENT", "OUTCOME", "DETAIL"]
    emit(found, output, lambda: format_table(headers, [_row(one) for one in found]) if found else "nothing was tried")


def _row(one: dict[str, Any]) -> list[str]:
    outcome = one["outcome"].replace("_", " ")
    return [
        one["started_at"][:19] + "Z",
        one["remedy"],
        one["alert"],
        one["incident"] or "-",
        colour(outcome, _COLOURS[one["outcome"]]) if one["outcome"] in _COLOURS else outcome,
        " ".join((one["detail"] or one["deed"]).split())[:_DETAIL_WIDTH],
    ]
