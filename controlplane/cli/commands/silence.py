"""``cmctl silence add``, ``list`` and ``expire``: Alertmanager's silences, which stay Alertmanager's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.commands.acknowledge import AUTHOR
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from controlplane.domain.silence import Silence
    from controlplane.services.silences import Silencer

_COLOURS = {"active": "yellow", "pending": "cyan", "expired": "white"}


@click.group()
def silence() -> None:
    """Mute alerts in Alertmanager for a time."""


@silence.command()
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER…")
@AUTHOR
@click.option("--comment", required=True, show_envvar=True, help="Why.")
@click.option("--for", "duration", required=True, metavar="DURATION", show_envvar=True, help="How long, such as 2h.")
@output_option
@click.pass_obj
def add(
    invocation: Invocation, matchers: tuple[str, ...], author: str, comment: str, duration: str, output: str
) -> None:
    """Mute the alerts that all MATCHERs fit: NAME=VALUE, also with != =~ !~."""
    import asyncio
    import dataclasses
    from datetime import UTC, datetime, timedelta

    from controlplane.domain.duration import parse_duration
    from controlplane.domain.silence import Silence

    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from error
    if seconds <= 0:
        raise click.BadParameter("must be longer than nothing", param_hint="--for")
    now = datetime.now(UTC)
    wanted = Silence("", tuple(map(_matcher, matchers)), now, now + timedelta(seconds=seconds), author, comment)
    made = dataclasses.replace(wanted, id=asyncio.run(_silencer(invocation).create(wanted)), state="active")
    emit(made, output, lambda: _table([made]))


@silence.command("list")
@click.option("--all", "show_all", is_flag=True, show_envvar=True, help="Expired ones, too.")
@output_option
@click.pass_obj
def list_silences(invocation: Invocation, show_all: bool, output: str) -> None:
    """List silences that are active or pending, those of maintenance included."""
    import asyncio

    found = asyncio.run(_silencer(invocation).silences())
    shown = sorted(
        (one for one in found if show_all or one.state != "expired"), key=lambda one: (one.state, one.ends_at, one.id)
    )
    emit(shown, output, lambda: _table(shown) if shown else "no silences")


@silence.command()
@click.argument("silence_id", metavar="ID")
@click.pass_obj
def expire(invocation: Invocation, silence_id: str) -> None:
    """End the silence ID now; its alerts are told again."""
    import asyncio

    from controlplane.errors import UsageProblem

    silencer = _silencer(invocation)

    async def run() -> None:
        if silence_id not in {one.id for one in await silencer.silences() if one.state != "expired"}:
            raise UsageProblem(f"no silence {silence_id[:60]!r} is active or pending", hint="cmctl silence list")
        await silencer.expire(silence_id)

    asyncio.run(run())
    click.echo(f"expired {silence_id}", err=True)


def _silencer(invocation: Invocation) -> "Silencer":
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.maintenance import build_silencer

    return build_silencer(load_settings(invocation))


def _matcher(text: str) -> Any:
    from controlplane.domain.maintenance_entry import parse_matcher
    from controlplane.domain.payload_text import PayloadProblem

    try:
        return parse_matcher(text)
    except PayloadProblem as error:
        raise click.BadParameter(error.problem) from error


def _table(found: Sequence["Silence"]) -> str:
    rows = [
        [
            one.id,
            colour(one.state, _COLOURS[one.state]),
            " ".join(map(str, one.matchers)),
            one.ends_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            one.created_by,
            one.comment,
        ]
        for one in found
    ]
    return format_table(["ID", "STATE", "MATCHERS", "ENDS", "AUTHOR", "COMMENT"], rows)
