"""``cmctl backup dump``: logical dumps, for moving to another host or version of PostgreSQL."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import emit, format_table, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controlplane.domain.backup.dump import DatabaseDump, Dump

ADDRESS_HELP = "Instead of this stack's: libpq's parameters or a URL, without a password (~/.pgpass, PGPASSFILE)."


@click.group("dump", invoke_without_command=True)
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Into this new folder; default: a new one in the backup directory.",
)
@click.option("--from", "address", metavar="ADDRESS", help=ADDRESS_HELP)
@click.option("--database", "databases", multiple=True, help="Only this database; may be given more than once.")
@output_option
@click.pass_context
def dump(
    context: click.Context, target: Path | None, address: str | None, databases: tuple[str, ...], output: str
) -> None:
    """Make a logical dump: it loads into an empty server of the same or a later version, on any host.

    Without a verb: make one. A dump is whole or not there; its manifest has
    the rows of every table and a hash of their content.
    """
    if context.invoked_subcommand is not None:
        return
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.services.backup.dump import new_id
    from controlplane.wiring.dump import dump_folders, dumper

    end_like_ctrl_c()
    settings, steps = load_settings(context.obj), stderr_steps()
    service = dumper(settings, address, databases)
    place = target.absolute() if target else dump_folders(settings).folder / new_id(service.clock())
    try:
        made = service.make(place, steps)
    finally:
        steps.done()
    emit(_summary(place, made), output, lambda: _details(place, made))


@dump.command("list")
@output_option
@click.pass_obj
def list_dumps(invocation: Invocation, output: str) -> None:
    """List the complete dumps in the backup directory, newest first."""
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.dump import dump_folders

    found = [_summary(path, item) for path, item in dump_folders(load_settings(invocation)).complete()]
    rows = [[item["id"], item["server_version"], str(item["rows"]), item["path"]] for item in found]
    emit(found, output, lambda: format_table(["ID", "POSTGRESQL", "ROWS", "PATH"], rows) if rows else "no dumps")


@dump.command()
@click.argument("id", default="latest", metavar="[ID|FOLDER]")
@output_option
@click.pass_obj
def verify(invocation: Invocation, id: str, output: str) -> int:
    """Read a dump byte by byte and compare it with its manifest; exit code 1 when it is damaged."""
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.dump import dump_folders

    folders = dump_folders(load_settings(invocation))
    path, found = folders.find(id)
    problems = folders.problems(path, found)
    data = {**_summary(path, found), "problems": list(problems)}
    emit(data, output, lambda: "\n".join(problems) or f"{path}: {len(found.files)} files are as they were written")
    return 1 if problems else 0


@dump.command()
@click.argument("id", default="latest", metavar="[ID|FOLDER]")
@click.option("--into", "address", metavar="ADDRESS", help=ADDRESS_HELP)
@output_option
@click.pass_obj
def load(invocation: Invocation, id: str, address: str | None, output: str) -> None:
    """Load a dump into empty databases, and prove that every row arrived.

    The databases are there and empty: after cmctl up postgresql on a new data
    directory. What is loaded already is only proved, so it can be run again.
    """
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.wiring.dump import dump_folders, loader

    end_like_ctrl_c()
    settings, steps = load_settings(invocation), stderr_steps()
    path, chosen = dump_folders(settings).find(id)
    try:
        found = loader(settings, address).load(path, chosen, steps)
    finally:
        steps.done()
    emit(_loaded(chosen, found), output, lambda: _loaded_table(found))


@dump.command()
@click.argument("id", default="latest", metavar="[ID|FOLDER]")
@click.option("--with", "address", metavar="ADDRESS", help=ADDRESS_HELP)
@output_option
@click.pass_obj
def compare(invocation: Invocation, id: str, address: str | None, output: str) -> int:
    """Compare a server with a dump: rows and hashes of every table; exit code 1 when they differ."""
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.dump import dump_folders, loader

    settings, steps = load_settings(invocation), stderr_steps()
    path, chosen = dump_folders(settings).find(id)
    try:
        lines = loader(settings, address).compare(path, chosen, steps)
    finally:
        steps.done()
    emit({"id": chosen.id, "differences": lines}, output, lambda: "\n".join(lines) or "every table is the same")
    return 1 if lines else 0


def _summary(path: Path, dump: "Dump") -> dict[str, Any]:
    return {
        "id": dump.id,
        "path": str(path),
        "created_at": dump.created_at,
        "finished_at": dump.finished_at,
        "server_version": _version(dump.server_version),
        "size_bytes": dump.size_bytes,
        "rows": sum(database.rows for database in dump.databases),
        "databases": [{"name": item.name, "tables": len(item.tables), "rows": item.rows} for item in dump.databases],
        "made_by": dump.made_by,
    }


def _version(number: int) -> str:
    return f"{number // 10000}.{number % 10000}"


def _details(path: Path, dump: "Dump") -> str:
    from controlplane.cli.status_screen import amount

    rows = [[item.name, str(len(item.tables)), str(item.rows)] for item in dump.databases]
    head = f"dump {dump.id} of PostgreSQL {_version(dump.server_version)}, {amount(dump.size_bytes, 'B')}\npath: {path}"
    return f"{head}\n\n{format_table(['DATABASE', 'TABLES', 'ROWS'], rows)}"


def _loaded(dump: "Dump", found: "Sequence[DatabaseDump]") -> dict[str, Any]:
    databases = [{"name": item.name, "tables": len(item.tables), "rows": item.rows} for item in found]
    return {"id": dump.id, "databases": databases, "verified": True}


def _loaded_table(found: "Sequence[DatabaseDump]") -> str:
    rows = [[item.name, str(len(item.tables)), str(item.rows), "the same"] for item in found]
    return format_table(["DATABASE", "TABLES", "ROWS", "HASHES"], rows)
