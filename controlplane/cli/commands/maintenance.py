"""``cmctl maintenance add``, ``list`` and ``end``."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from controlplane.wiring.maintenance import MaintenanceDesk

_STATE_COLOURS = {"active": "yellow", "planned": "cyan"}
_AUTHOR = click.option("--author", required=True, envvar="CMCTL_AUTHOR", show_envvar=True, help="Who answers for it.")


@click.group()
def maintenance() -> None:
    """Windows that do not count against objectives and whose alerts are silenced."""


@maintenance.command()
@click.option("--reason", required=True, show_envvar=True, help="What is being done; reports show it.")
@_AUTHOR
@click.option("--service", "services", multiple=True, show_envvar=True, help="For this service; may be repeated.")
@click.option(
    "--label",
    "matchers",
    multiple=True,
    metavar="NAME=VALUE",
    show_envvar=True,
    help="For alerts with this label; also != =~ !~, may be repeated.",
)
@click.option("--all", "everything", is_flag=True, show_envvar=True, help="For every service.")
@click.option("--start", show_envvar=True, help="A time, or how long ago such as 90m; default: now.")
@click.option("--end", "finish", show_envvar=True, help="A time; or give --for.")
@click.option("--for", "duration", metavar="DURATION", show_envvar=True, help="How long, such as 1h30m.")
@click.option(
    "--repeat",
    "recurrence",
    metavar="RULE",
    show_envvar=True,
    help="daily, weekly, monthly or FREQ=…;BYDAY=… (RFC 5545).",
)
@click.option(
    "--time-zone", default="UTC", show_default=True, show_envvar=True, help="For --repeat, and times without a zone."
)
@click.option("--key", show_envvar=True, help="Name of this entry for scripts: the same key twice enters it once.")
@click.option(
    "--work",
    metavar="KIND",
    show_envvar=True,
    help="What is done now, such as deploy or drill: in the action ledger from here to the end of the window.",
)
@output_option
@click.pass_obj
def add(
    invocation: Invocation,
    reason: str,
    author: str,
    services: tuple[str, ...],
    matchers: tuple[str, ...],
    everything: bool,
    start: str | None,
    finish: str | None,
    duration: str | None,
    recurrence: str | None,
    time_zone: str,
    key: str | None,
    work: str | None,
    output: str,
) -> None:
    """Enter a maintenance, planned or after the fact.

    What of it lies before this moment is marked as entered after the fact.
    Its alerts are silenced in Alertmanager while it lasts.
    """
    import asyncio

    if (finish is None) == (duration is None):
        raise click.UsageError("give --end or --for; a maintenance can be ended earlier")
    if not services and not matchers and not everything:
        raise click.UsageError("say what it is for: --service, --label or --all")
    request = {
        "key": key or secrets.token_hex(8),
        "author": author,
        "reason": reason,
        "services": list(services),
        "matchers": list(matchers),
        "everything": everything,
        "starts_at": _moment(start, time_zone, "--start"),
        "ends_at": _moment(finish, time_zone, "--end"),
        "duration_seconds": _seconds(duration),
        "recurrence": recurrence,
        "time_zone": time_zone,
        "work": work,
    }
    entered = asyncio.run(_desk(invocation).add(request))
    if key and entered["state"] in ("over", "withdrawn") and start is None:
        click.echo(f"warning: the maintenance of the key {key} is over already; take another key", err=True)
    emit(entered, output, lambda: _table([entered]))


@maintenance.command("list")
@click.option("--all", "show_all", is_flag=True, show_envvar=True, help="Those that are over or withdrawn, too.")
@output_option
@click.pass_obj
def list_maintenance(invocation: Invocation, show_all: bool, output: str) -> None:
    """List maintenance that is active or planned, newest start first."""
    import asyncio

    entries = asyncio.run(_desk(invocation).entries())
    shown = [entry for entry in entries if show_all or entry["state"] in _STATE_COLOURS]
    emit(shown, output, lambda: _table(shown) if shown else "no maintenance")


@maintenance.command()
@click.argument("maintenance_id", metavar="[ID]", required=False, type=click.IntRange(min=1))
@click.option("--key", show_envvar=True, help="Instead of ID: the key it was entered with; ending it twice is fine.")
@_AUTHOR
@click.option(
    "--withdraw", is_flag=True, show_envvar=True, help="It was entered by mistake: let it not have counted at all."
)
@click.option(
    "--outcome",
    type=click.Choice(["succeeded", "failed", "interrupted"]),
    default="succeeded",
    show_default=True,
    show_envvar=True,
    help="How the --work that it was for ended.",
)
@click.option("--detail", default="", show_envvar=True, help="What the action ledger says of the work in the end.")
@output_option
@click.pass_obj
def end(
    invocation: Invocation,
    maintenance_id: int | None,
    key: str | None,
    author: str,
    withdraw: bool,
    outcome: str,
    detail: str,
    output: str,
) -> None:
    """End maintenance ID now, and its silences with it; a recurring one does not come back."""
    import asyncio

    if (maintenance_id is None) == (key is None):
        raise click.UsageError("give either ID or --key")
    request = {"author": author, "withdraw": withdraw, "outcome": outcome, "detail": detail}
    desk = _desk(invocation)
    ended = asyncio.run(desk.end_by_key(key, request) if key is not None else desk.end(maintenance_id or 0, request))
    emit(ended, output, lambda: _table([ended]))


def _desk(invocation: Invocation) -> "MaintenanceDesk":
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.maintenance import MaintenanceDesk

    return MaintenanceDesk(load_settings(invocation), lambda text: click.echo(f"warning: {text}", err=True))


def _moment(text: str | None, time_zone: str, option: str) -> str | None:
    """A time as the API takes it; one without a zone is on the clock of ``time_zone``."""
    from zoneinfo import ZoneInfo

    from controlplane.domain.since import parse_since

    if text is None:
        return None
    try:
        if "-" in text and (local := datetime.fromisoformat(text)).tzinfo is None:
            return local.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC).isoformat()
        return parse_since(text, datetime.now(UTC)).isoformat()
    except (ValueError, KeyError, OSError, OverflowError) as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _seconds(text: str | None) -> float | None:
    from controlplane.domain.duration import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}, such as 1h30m", param_hint="--for") from error


def _table(entries: Sequence[Mapping[str, Any]]) -> str:
    return format_table(
        ["ID", "STATE", "STARTS", "ENDS", "REPEATS", "FOR", "OBJECTIVES", "AUTHOR", "REASON"],
        [_row(entry) for entry in entries],
    )


def _row(entry: Mapping[str, Any]) -> list[str]:
    state = entry["state"]
    late = " (after the fact)" if entry["entered_after_the_fact"] else ""
    return [
        str(entry["id"]),
        colour(state, _STATE_COLOURS[state]) if state in _STATE_COLOURS else state,
        _time(entry["starts_at"]) + late,
        _time(entry["ended_at"] or entry["ends_at"]),
        entry["recurrence"] or "-",
        ", ".join([*entry["services"], *entry["matchers"]]),
        ", ".join(entry["objectives"]) or "-",
        entry["author"],
        entry["reason"],
    ]


def _time(moment: datetime | str) -> str:
    """From the daemon's JSON, or from PostgreSQL."""
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
