"""``cmctl backup copy``: recovery sets in other places."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controlplane.services.backup.copy import Copied, CopyView

places_option = click.option("--to", "places", multiple=True, metavar="NAME", help="Only this place of backup.copies.")


@click.group("copy", invoke_without_command=True)
@click.option("--set", "ids", multiple=True, metavar="ID", help="Only this set; default: every good one not there yet.")
@places_option
@output_option
@click.pass_context
def copy(context: click.Context, ids: tuple[str, ...], places: tuple[str, ...], output: str) -> int | None:
    """Bring recovery sets and finished WAL to the places of backup.copies.

    Cut off, it goes on where it was; what arrived cut off is sent again.
    """
    if context.invoked_subcommand is not None:
        return None
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.errors import CmctlError
    from controlplane.services.backup.copy import Copied
    from controlplane.wiring.copies import copiers
    from controlplane.wiring.on_host import run_as_control_plane

    end_like_ctrl_c()
    settings = load_settings(context.obj)
    if (code := run_as_control_plane(settings)) is not None:
        return code
    steps = stderr_steps()
    done: list[Copied] = []
    failed: CmctlError | None = None
    try:
        for copier in copiers(settings, places, steps):
            try:
                done.append(copier.copy(ids, steps))
            except CmctlError as error:  # the other places get their copies all the same
                steps.note(error.message)
                failed = failed or error
    finally:
        steps.done()
    if failed is not None:
        raise failed
    emit(done, output, lambda: _copied_table(done))
    return None


@copy.command("list")
@places_option
@output_option
@click.pass_obj
def list_copies(invocation: Invocation, places: tuple[str, ...], output: str) -> int | None:
    """List the copies in each place, newest first."""
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.copies import copies
    from controlplane.wiring.on_host import run_as_control_plane

    settings = load_settings(invocation)
    if (code := run_as_control_plane(settings)) is not None:
        return code
    views = [view for place in copies(settings, places) for view in place.views()]
    emit(views, output, lambda: _table(views))
    return None


@copy.command()
@click.argument("id", default="latest")
@places_option
@output_option
@click.pass_obj
def verify(invocation: Invocation, id: str, places: tuple[str, ...], output: str) -> int:
    """Read the copies of a set back and compare every byte; needs no key. Exit code 1 when one is bad."""
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.copies import copies
    from controlplane.wiring.on_host import run_as_control_plane

    settings = load_settings(invocation)
    if (code := run_as_control_plane(settings)) is not None:
        return code
    steps = stderr_steps()
    try:
        found = [
            {"place": item.place.name, "id": id, "problems": item.verify(id, steps)}
            for item in copies(settings, places)
        ]
    finally:
        steps.done()
    emit(found, output, lambda: "\n".join(f"{i['place']}: {'; '.join(i['problems']) or 'good'}" for i in found))
    return 1 if any(item["problems"] for item in found) else 0


@copy.command()
@click.argument("id", default="latest")
@click.option("--from", "place", metavar="NAME", help="The place; needed when there are several.")
@click.option(
    "--identity",
    type=click.Path(path_type=Path),
    show_envvar=True,
    help="File with the secret key of age, when the copies are encrypted.",
)
@output_option
@click.pass_obj
def fetch(invocation: Invocation, id: str, place: str | None, identity: Path | None, output: str) -> int | None:
    """Bring a set back, with what it builds on and the WAL; afterwards cmctl restore can use it."""
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.wiring.copies import fetcher
    from controlplane.wiring.on_host import identity_handed_over, run_fetch_as_control_plane

    end_like_ctrl_c()
    settings = load_settings(invocation)
    if (code := run_fetch_as_control_plane(settings, identity)) is not None:
        return code
    steps = stderr_steps()
    try:
        fetched = fetcher(settings, place, identity_handed_over(identity), steps).fetch(id, steps)
    finally:
        steps.done()
    ids = [manifest.id for manifest in fetched]
    emit({"fetched": ids}, output, lambda: f"fetched: {', '.join(ids) or 'nothing, it is all here'}")
    return None


@copy.command()
@click.argument("file", type=click.Path(path_type=Path))
def keygen(file: Path) -> None:
    """Make a new key of age: the secret one into FILE, the public one to stdout.

    Do it on another host than the one that makes backups, and keep FILE in
    two places: without it, nobody can read the copies.
    """
    import os

    from controlplane.errors import CmctlError, Refused
    from controlplane.wiring.copies import new_identity

    secret, public = new_identity()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refused(f"{file} exists", hint="a key is never overwritten; name a new file") from error
    except OSError as error:
        raise CmctlError(f"{file} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(f"# public key: {public}\n{secret}\n")
        opened.flush()
        os.fsync(opened.fileno())
    click.echo(public)


def _copied_table(done: "Sequence[Copied]") -> str:
    from controlplane.cli.status_screen import amount

    rows = [
        [item.place, ", ".join(item.sets) or "-", str(item.volumes), str(item.wal_files), amount(item.size_bytes, "B")]
        for item in done
    ]
    return format_table(["PLACE", "SETS", "VOLUMES SENT", "WAL FILES", "SENT"], rows)


def _table(views: "Sequence[CopyView]") -> str:
    from controlplane.cli.status_screen import amount

    if not views:
        return "no copies yet; make them with: cmctl backup copy"
    rows = [
        [
            view.place,
            view.id,
            view.kind or "-",
            colour("complete", "green") if view.complete else colour("unfinished", "yellow"),
            amount(view.size_bytes, "B") if view.complete else "-",
            view.encryption or "-",
            view.problem,
        ]
        for view in views
    ]
    return format_table(["PLACE", "ID", "KIND", "STATE", "SIZE", "ENCRYPTED", ""], rows)
