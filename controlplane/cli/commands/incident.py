"""``cmctl incident list``, ``show``, ``open``, ``note``, ``close``, ``reopen`` and ``report``."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.commands.acknowledge import AUTHOR
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from controlplane.wiring.incidents import IncidentCounter

Record = Mapping[str, Any]
PRIORITIES = ["P0", "P1", "P2", "P3"]
KINDS = ["note", "impact", "why", "action", "lesson"]
DEFAULT_LIMIT = 50
_TEXT_WIDTH = 100


@click.group()
def incident() -> None:
    """What P0 and P1 alerts opened: timelines, notes, post-incident reports.

    NUMBER is such as INC-20261121-001, or latest.
    """


@incident.command("list")
@click.option("--state", type=click.Choice(["open", "closed"]), show_envvar=True, help="Only incidents in this state.")
@click.option("--since", show_envvar=True, help="Open ones, and those closed since a time or duration ago, such as 7d.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=10_000),
    default=DEFAULT_LIMIT,
    show_default=True,
    show_envvar=True,
    help="At most this many.",
)
@output_option
@click.pass_obj
def list_incidents(invocation: Invocation, state: str | None, since: str | None, limit: int, output: str) -> None:
    """List incidents, newest first, with their times to acknowledge and to recover."""
    import asyncio

    moment = _moment(since, "--since")
    found = asyncio.run(_counter(invocation).list_incidents(state, moment, limit))
    emit(found, output, lambda: _table(found) if found else "no incidents")


@incident.command()
@click.argument("number", default="latest")
@output_option
@click.pass_obj
def show(invocation: Invocation, number: str, output: str) -> None:
    """Show an incident with its alerts and its timeline."""
    import asyncio

    shown = asyncio.run(_counter(invocation).show(number))
    _warn_of(shown)
    emit(shown, output, lambda: _page(shown))


@incident.command("open")
@click.argument("title")
@AUTHOR
@click.option("--priority", type=click.Choice(PRIORITIES), default="P1", show_default=True, show_envvar=True)
@click.option("--service", default="", show_envvar=True, help="Alerts of this service join it.")
@click.option("--began", show_envvar=True, help="A time, or how long ago such as 20m; default: now.")
@output_option
@click.pass_obj
def open_incident(
    invocation: Invocation, title: str, author: str, priority: str, service: str, began: str | None, output: str
) -> None:
    """Open an incident that no alert told of."""
    import asyncio

    request = {"title": title, "author": author, "priority": priority, "service": service}
    moment = _moment(began, "--began")
    if moment is not None:
        request["began_at"] = moment.isoformat()
    opened = asyncio.run(_counter(invocation).open(request))
    emit(opened, output, lambda: f"{opened['number']} is open")


@incident.command()
@click.argument("number")
@click.argument("text")
@AUTHOR
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="note",
    show_default=True,
    show_envvar=True,
    help="What it is for the report: a note, the impact, one of the five whys, an action to take, a lesson.",
)
@click.option("--key", show_envvar=True, help="Name of this note for scripts: the same key twice writes it once.")
@output_option
@click.pass_obj
def note(invocation: Invocation, number: str, text: str, author: str, kind: str, key: str | None, output: str) -> None:
    """Write TEXT into the incident NUMBER."""
    import asyncio
    import secrets

    request = {"author": author, "text": text, "kind": kind, "key": key or secrets.token_hex(8)}
    shown = asyncio.run(_counter(invocation).note(number, request))
    emit(shown, output, lambda: f"{shown['number']} has {len(shown['notes'])} notes")


@incident.command()
@click.argument("number")
@AUTHOR
@click.option("--reason", default="", show_envvar=True, help="What ended it.")
@click.option("--anyway", is_flag=True, show_envvar=True, help="Although alerts of it fire.")
@output_option
@click.pass_obj
def close(invocation: Invocation, number: str, author: str, reason: str, anyway: bool, output: str) -> None:
    """Close the incident NUMBER; its timeline is kept as it is then."""
    import asyncio

    request = {"author": author, "reason": reason, "anyway": anyway}
    shown = asyncio.run(_counter(invocation).close(number, request))
    _warn_of(shown)
    emit(shown, output, lambda: f"{shown['number']} is closed; the report: cmctl incident report {shown['number']}")


@incident.command()
@click.argument("number")
@AUTHOR
@click.option("--reason", default="", show_envvar=True, help="Why.")
@output_option
@click.pass_obj
def reopen(invocation: Invocation, number: str, author: str, reason: str, output: str) -> None:
    """Open the closed incident NUMBER again."""
    import asyncio

    shown = asyncio.run(_counter(invocation).reopen(number, {"author": author, "reason": reason}))
    emit(shown, output, lambda: f"{shown['number']} is open")


@incident.command()
@click.argument("number", default="latest")
@click.option("--format", "form", type=click.Choice(["md", "html"]), default="md", show_default=True, show_envvar=True)
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, show_envvar=True)
@click.option("--time-zone", default="UTC", show_default=True, show_envvar=True, help="Times are written in it.")
@click.option("--output-file", type=click.Path(path_type=Path), show_envvar=True, help="A file; default: stdout.")
@click.pass_obj
def report(
    invocation: Invocation, number: str, form: str, language: str, time_zone: str, output_file: Path | None
) -> None:
    """Write the post-incident report: impact, timeline, five whys, actions.

    What people wrote with cmctl incident note --kind is in its place; what is missing is left as a box to fill in.
    """
    import asyncio
    from zoneinfo import ZoneInfo

    from controlplane.cli.settings import load_settings
    from controlplane.wiring.incident_report import render_incident_report

    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise click.BadParameter(f"{time_zone!r} is no time zone", param_hint="--time-zone") from error
    settings = load_settings(invocation)
    shown = asyncio.run(_counter(invocation).show(number))
    _warn_of(shown)
    text = asyncio.run(render_incident_report(settings, shown, form, language, time_zone))
    if output_file is None:
        click.echo(text.decode(), nl=False)
        return
    output_file.write_bytes(text)
    click.echo(f"written to {output_file}", err=True)


def _counter(invocation: Invocation) -> "IncidentCounter":
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.incidents import IncidentCounter

    return IncidentCounter(load_settings(invocation), _warn)


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def _warn_of(shown: Record) -> None:
    for problem in shown["problems"]:
        _warn(problem)


def _moment(text: str | None, option: str) -> datetime | None:
    from controlplane.domain.since import parse_since

    try:
        return parse_since(text, datetime.now(UTC)) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _table(found: Sequence[Record]) -> str:
    headers = ["NUMBER", "STATE", "PRIO", "SERVICE", "BEGAN", "TO ACK", "TO RECOVER", "ALERTS", "TITLE"]
    return format_table(headers, [_row(one) for one in found])


def _row(one: Record) -> list[str]:
    return [
        one["number"],
        _state(one),
        one["priority"],
        one["service"] or "-",
        _time(one["began_at"]),
        _span(one["seconds_to_acknowledge"]),
        _span(one["seconds_to_recover"]),
        str(one["alert_count"]),
        one["title"][:_TEXT_WIDTH],
    ]


def _state(one: Record) -> str:
    if one["state"] == "closed":
        return "closed"
    if one["firing"]:
        return colour("firing", "red")
    return colour("recovered", "yellow") if one["recovered_at"] else colour("open", "yellow")


def _page(shown: Record) -> str:
    fields = [
        ["title", shown["title"]],
        ["state", _state(shown)],
        ["priority", shown["priority"]],
        ["service", shown["service"] or "-"],
        ["began", _time(shown["began_at"])],
        ["acknowledged", _by(shown["acknowledged_at"], shown["acknowledged_by"])],
        ["recovered", _time(shown["recovered_at"])],
        ["closed", _by(shown["closed_at"], shown["closed_by"], shown["close_reason"])],
        ["alerts", str(shown["alert_count"])],
    ]
    entries = [
        [_time(entry["at"]), entry["kind"].replace("_", " "), entry["actor"] or "-", _line(entry)]
        for entry in shown["timeline"]
    ]
    return f"{format_table([shown['number'], ''], fields)}\n\n{format_table(['AT', 'WHAT', 'WHO', 'DETAIL'], entries)}"


def _line(entry: Record) -> str:
    outcome = f"({entry['outcome']})" if entry["outcome"] else ""
    return " ".join(" ".join([entry["subject"], entry["detail"], outcome]).split())[:_TEXT_WIDTH]


def _by(moment: Any, who: str | None, why: str = "") -> str:
    if moment is None:
        return "-"
    return f"{_time(moment)} by {who or 'somebody'}" + (f": {' '.join(why.split())}" if why else "")


def _time(moment: datetime | str | None) -> str:
    """From the daemon's JSON, or from PostgreSQL."""
    if moment is None:
        return "-"
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
