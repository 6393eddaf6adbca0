"""``cmctl alerts deliveries`` and ``redeliver``: what people were told."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from controlplane.cli.daemon import ask_daemon, daemon_of
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

STATUSES = ("pending", "sending", "delivered", "folded", "dead")
_COLOURS = {"delivered": "green", "dead": "red", "pending": "yellow", "sending": "yellow", "folded": "cyan"}


@click.command()
@click.option("--status", type=click.Choice(STATUSES), show_envvar=True, help="Only deliveries in this status.")
@click.option("--receiver", show_envvar=True, help="Only deliveries to this receiver.")
@click.option("--fingerprint", show_envvar=True, help="Only deliveries that tell of this alert.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    show_envvar=True,
    help="At most this many.",
)
@output_option
@click.pass_obj
def deliveries(
    invocation: Invocation,
    status: str | None,
    receiver: str | None,
    fingerprint: str | None,
    limit: int,
    output: str,
) -> None:
    """List the messages to people, newest first.

    pending: waits, or is tried again. sending: handed over, outcome not known.
    delivered: the channel took it. folded: told in a digest. dead: given up.
    """
    wanted = [("status", status), ("receiver", receiver), ("fingerprint", fingerprint), ("limit", str(limit))]
    query = [(name, value) for name, value in wanted if value is not None]
    found = ask_daemon(invocation, "/api/v1/deliveries", query)
    emit(found, output, lambda: _table(found))


@click.command()
@click.argument("delivery_id", type=click.IntRange(min=1), metavar="ID", required=False)
@click.option("--all-dead", is_flag=True, show_envvar=True, help="Every dead letter.")
@output_option
@click.pass_obj
def redeliver(invocation: Invocation, delivery_id: int | None, all_dead: bool, output: str) -> None:
    """Send the delivery ID again, dead or delivered; it is marked as a possible repeat when it had arrived."""
    import asyncio

    if (delivery_id is None) != all_dead:
        raise click.UsageError("name one delivery, or --all-dead")
    api = daemon_of(invocation)

    async def run() -> list[Any]:
        numbers = [delivery_id]
        if all_dead:
            dead, _ = await api.get("/api/v1/deliveries", [("status", "dead"), ("limit", "10000")])
            numbers = [item["id"] for item in reversed(dead)]
        return [await api.post(f"/api/v1/deliveries/{number}/redeliver") for number in numbers]

    found = asyncio.run(run())
    emit(found, output, lambda: _table(found))


def _table(found: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return "no deliveries"
    rows = [
        [
            str(item["id"]),
            colour(item["status"], _COLOURS[item["status"]]),
            item["receiver"],
            item["kind"],
            item["priority"],
            str(item["attempts"]) + ("?" if item["is_possible_repeat"] else ""),
            item["created_at"][:19] + "Z",
            (item["finished_at"] or "-")[:19],
            item["title"][:60],
            (item["last_error"] or item["receipt"])[:60],
        ]
        for item in found
    ]
    return format_table(
        ["ID", "STATUS", "RECEIVER", "KIND", "PRIO", "TRIES", "CREATED", "ENDED", "TITLE", "RECEIPT OR ERROR"], rows
    )
