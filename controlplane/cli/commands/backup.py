"""``cmctl backup`` and what belongs to it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from controlplane.domain.backup.overview import SetView
    from controlplane.services.backup.watch import Files


@click.group(invoke_without_command=True)
@click.pass_context
def backup(context: click.Context) -> None:
    """Make, list and prove recovery sets. Without a verb: make one.

    A recovery set holds PostgreSQL (memories and the control plane's own
    store), the vectors, and the configuration and rule files.
    """
    if context.invoked_subcommand is None:
        context.invoke(create)


@backup.command()
@click.option("--full", "wants_full", is_flag=True, help="Make a full set, even if an incremental one would do.")
@click.option("--scheduled", is_flag=True, hidden=True, help="The daemon runs this and keeps the ledger itself.")
@output_option
@click.pass_obj
def create(invocation: Invocation, wants_full: bool = False, scheduled: bool = False, output: str = "table") -> None:
    """Make a recovery set now.

    The set appears in the list when all of it is safely on disk; a run that
    is cut off leaves nothing that looks like a set.
    """
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.config.load import locate
    from controlplane.wiring.backup import backup_maker, recorded

    end_like_ctrl_c()
    settings = load_settings(invocation)
    maker = backup_maker(settings, locate(invocation.config, invocation.data_dir))
    steps = stderr_steps()
    try:
        with recorded(settings, "backup", is_wanted=not scheduled) as entry:
            manifest = maker.make(wants_full, steps)
            entry.detail = f"{manifest.id}, {manifest.kind}, {manifest.size_bytes} bytes"
    finally:
        steps.done()
    made = _files(invocation).find(manifest.id)
    emit(made, output, lambda: _details(made))


@backup.command("list")
@output_option
@click.pass_obj
def list_sets(invocation: Invocation, output: str) -> None:
    """List the recovery sets, newest first."""
    sets = _files(invocation).sets()
    emit(sets, output, lambda: _table(sets))


@backup.command()
@click.argument("id", default="latest")
@output_option
@click.pass_obj
def show(invocation: Invocation, id: str, output: str) -> None:
    """Show the recovery set ID; the newest complete one by default."""
    found = _files(invocation).find(id)
    emit(found, output, lambda: _details(found))


@backup.command("receive-wal", hidden=True)
@click.pass_obj
def receive_wal(invocation: Invocation) -> None:
    """Stream WAL into the archive; what the component wal_receiver runs."""
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.backup import wal_receiver

    def say(text: str) -> None:
        click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {text}", err=True)

    wal_receiver(load_settings(invocation), say).receive(say)


def _files(invocation: Invocation) -> "Files":
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.backup import backup_files

    return backup_files(load_settings(invocation))


def _table(sets: Sequence["SetView"]) -> str:
    if not sets:
        return "no recovery sets yet; make one with: cmctl backup create"
    rows = [
        [
            item.id,
            item.kind or "-",
            colour("complete", "green") if item.complete else colour("unusable", "red"),
            _size(item.size_bytes) if item.complete else "-",
            item.parent_id or "-",
            item.problem,
        ]
        for item in sets
    ]
    return format_table(["ID", "KIND", "STATE", "SIZE", "BUILDS ON", ""], rows)


def _details(item: "SetView") -> str:
    if not item.complete:
        return f"{item.id}  {colour('unusable', 'red')}: {item.problem}\npath: {item.path}"
    head = [
        ["id", item.id],
        ["kind", f"{item.kind}, builds on {item.parent_id}" if item.parent_id else f"{item.kind}"],
        ["made", f"{item.created_at:%Y-%m-%d %H:%M:%S} to {item.finished_at:%H:%M:%S} UTC"],
        ["size", _size(item.size_bytes)],
        ["path", item.path],
    ]
    parts = [[part.name, _size(part.size_bytes), str(part.file_count), _facts(part.details)] for part in item.parts]
    table = format_table(["PART", "SIZE", "FILES", ""], parts)
    return "\n".join(f"{name:<6}{value}" for name, value in head) + "\n\n" + table


def _facts(details: object) -> str:
    facts = dict(details) if isinstance(details, dict) else {}
    shown = ("timeline", "start_lsn", "end_lsn", "memories", "sessions", "model", "count")
    return ", ".join(f"{name.replace('_', ' ')} {facts[name]}" for name in shown if facts.get(name) is not None)


def _size(size_bytes: int) -> str:
    from controlplane.cli.status_screen import amount

    return amount(size_bytes, "B")
