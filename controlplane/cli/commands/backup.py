"""``cmctl backup`` and what belongs to it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from controlplane.cli.commands.backup_copy import copy
from controlplane.cli.commands.backup_dump import dump
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

if TYPE_CHECKING:
    from controlplane.domain.backup.overview import SetView
    from controlplane.domain.backup.retention import Verdict
    from controlplane.domain.backup.verification import Verification
    from controlplane.services.backup.copy import PrunedCopies
    from controlplane.services.backup.prune import Pruned
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
def create(
    invocation: Invocation, wants_full: bool = False, scheduled: bool = False, output: str = "table"
) -> int | None:
    """Make a recovery set now.

    The set appears in the list when all of it is safely on disk; a run that
    is cut off leaves nothing that looks like a set.
    """
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.config.load import locate
    from controlplane.wiring.backup import backup_maker, recorded, stand_back
    from controlplane.wiring.on_host import run_as_control_plane

    end_like_ctrl_c()
    settings = load_settings(invocation)
    if (code := run_as_control_plane(settings)) is not None:
        return code
    stand_back(settings)
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
    return None


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
    """Show the recovery set ID; the newest good one by default."""
    found = _files(invocation).find(id)
    emit(found, output, lambda: _details(found))


@backup.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "wants_all", is_flag=True, help="Every set, also those verified not long ago.")
@output_option
@click.pass_obj
def verify(invocation: Invocation, ids: tuple[str, ...], wants_all: bool, output: str) -> int:
    """Read sets byte by byte and check them: hashes, PostgreSQL's own check, WAL without a gap, vectors.

    Without ID: those that were never verified, were found bad, or not for
    long. The outcome is kept; exit code 1 when a set is bad.
    """
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.config.load import locate
    from controlplane.wiring.backup import verifier
    from controlplane.wiring.on_host import run_as_control_plane

    end_like_ctrl_c()
    settings = load_settings(invocation)
    if (code := run_as_control_plane(settings)) is not None:
        return code
    service, steps = verifier(settings, locate(invocation.config, invocation.data_dir)), stderr_steps()
    chosen = [_files(invocation).find(id).id for id in ids]
    if wants_all:
        chosen = [item.id for item in _files(invocation).sets() if item.complete]
    try:
        found = [service.verify(set_id, steps) for set_id in chosen or service.due()]
    finally:
        steps.done()
    emit(found, output, lambda: _verification_table(found))
    return 0 if all(item.is_good for item in found) else 1


@backup.command()
@click.option("--dry-run", is_flag=True, help="Show what would go and why; delete nothing.")
@output_option
@click.pass_obj
def prune(invocation: Invocation, dry_run: bool, output: str) -> int | None:
    """Delete the sets that no rule of backup.retention wants, and WAL that no kept set needs.

    The newest good set is never deleted, nor one that a kept set builds on.
    Copies follow the retention of their place.
    """
    from controlplane.cli.backup_progress import PlainSteps
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.backup import pruner
    from controlplane.wiring.on_host import run_as_control_plane

    settings = load_settings(invocation)
    if (code := run_as_control_plane(settings)) is not None:
        return code
    done = pruner(settings).prune(dry_run)
    copies: Sequence[PrunedCopies] = ()
    if settings.backup.copies:
        from controlplane.wiring.copies import pruners

        copies = [pruner.prune(dry_run) for pruner in pruners(settings, PlainSteps())]
    data = {
        "dry_run": done.is_dry_run,
        "sets": _verdicts(done.verdicts),
        "wal_files": done.wal_files,
        "copies": [
            {"place": item.place, "sets": _verdicts(item.verdicts), "wal_files": item.wal_files} for item in copies
        ],
    }
    emit(data, output, lambda: _prune_table(done, copies))
    return None


@backup.command()
@click.option("--scheduled", is_flag=True, hidden=True, help="The daemon runs this and keeps the ledger itself.")
@output_option
@click.pass_obj
def drill(invocation: Invocation, scheduled: bool, output: str) -> int:
    """Restore the newest good set beside production, start it, look at it, measure RTO and RPO, and clean up.

    Production is read and never changed. The report is kept; exit code 1
    when the drill failed.
    """
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.drill_screen import drill_details
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.config.load import locate
    from controlplane.errors import CmctlError
    from controlplane.wiring.backup import recorded
    from controlplane.wiring.drill import drill as service
    from controlplane.wiring.drill import in_ledger, yield_to_others
    from controlplane.wiring.on_host import run_drill_as_control_plane

    end_like_ctrl_c()
    settings = load_settings(invocation)
    if (code := run_drill_as_control_plane(settings)) is not None:
        return code
    steps = stderr_steps()
    yield_to_others(settings)
    try:
        with recorded(settings, "backup_drill", is_wanted=not scheduled) as entry, in_ledger(settings, steps) as work:
            report = service(settings, locate(invocation.config, invocation.data_dir), steps).run(steps)
            work.subject = report.set_id or ""
            entry.detail = work.detail = f"{report.set_id} restored in {report.rto_seconds} s"
            steps.done()
            emit(report, output, lambda: drill_details(report))
            if not report.is_passed:
                raise CmctlError(f"the drill of set {report.set_id} failed: {report.problem}")
    finally:
        steps.done()
    return 0


@backup.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="So many of the latest.")
@output_option
@click.pass_obj
def drills(invocation: Invocation, limit: int, output: str) -> None:
    """List past drills, newest first."""
    from controlplane.cli.drill_screen import drill_table
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.backup import drill_records

    reports = drill_records(load_settings(invocation)).reports()[:limit]
    emit(reports, output, lambda: drill_table(reports))


def _verdicts(verdicts: Sequence["Verdict"]) -> list[dict[str, object]]:
    return [
        {"id": item.set.id, "created_at": item.set.created_at, "keep": item.keep, "reasons": item.reasons}
        for item in verdicts
    ]


backup.add_command(copy)
backup.add_command(dump)


@backup.command("receive-wal", hidden=True)
@click.pass_obj
def receive_wal(invocation: Invocation) -> None:
    """Stream WAL into the archive; what the component wal_receiver runs."""
    from controlplane.cli.settings import load_settings
    from controlplane.config.load import locate
    from controlplane.wiring.backup import wal_receiver

    def say(text: str) -> None:
        click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {text}", err=True)

    locations = locate(invocation.config, invocation.data_dir)
    wal_receiver(load_settings(invocation), locations, say).receive(say)


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
            _state(item),
            _size(item.size_bytes) if item.complete else "-",
            item.parent_id or "-",
            item.problem,
        ]
        for item in sets
    ]
    return format_table(["ID", "KIND", "STATE", "SIZE", "BUILDS ON", ""], rows)


def _state(item: "SetView") -> str:
    if not item.complete:
        return colour("unusable", "red")
    if item.verified == "bad":
        return colour("bad", "red")
    return colour("verified" if item.verified == "good" else "complete", "green")


def _verification_table(found: Sequence["Verification"]) -> str:
    if not found:
        return "every set was verified not long ago; --all verifies them again"
    rows = [
        [
            item.set_id,
            colour("good", "green") if item.is_good else colour("bad", "red"),
            str(item.files),
            _size(item.size_bytes),
            f"{item.seconds:.1f} s",
            "; ".join([*item.problems, *item.notes]),
        ]
        for item in found
    ]
    return format_table(["ID", "RESULT", "FILES", "SIZE", "TOOK", ""], rows)


def _prune_table(done: "Pruned", copies: Sequence["PrunedCopies"]) -> str:
    verb = "would go" if done.is_dry_run else "deleted"
    blocks = [_pruned_in("", done.verdicts, len(done.wal_files), verb)]
    blocks += [_pruned_in(f"copies in {item.place}\n", item.verdicts, len(item.wal_files), verb) for item in copies]
    return "\n\n".join(blocks)


def _pruned_in(head: str, verdicts: Sequence["Verdict"], wal_files: int, verb: str) -> str:
    rows = [
        [
            item.set.id,
            colour("kept", "green") if item.keep else colour(verb, "yellow"),
            "; ".join(item.reasons),
        ]
        for item in verdicts
    ]
    wal = f"WAL files, {verb}: {wal_files}"
    return f"{head}{format_table(['ID', '', 'WHY'], rows)}\n{wal}" if rows else f"{head}no sets\n{wal}"


def _details(item: "SetView") -> str:
    if not item.complete:
        return f"{item.id}  {colour('unusable', 'red')}: {item.problem}\npath: {item.path}"
    head = [
        ["id", item.id],
        ["kind", f"{item.kind}, builds on {item.parent_id}" if item.parent_id else f"{item.kind}"],
        ["made", f"{item.created_at:%Y-%m-%d %H:%M:%S} to {item.finished_at:%H:%M:%S} UTC"],
        ["size", _size(item.size_bytes)],
        ["path", item.path],
        ["verified", f"{item.verified_at:%Y-%m-%d %H:%M:%S} UTC: {item.verified}" if item.verified_at else "never"],
    ]
    parts = [[part.name, _size(part.size_bytes), str(part.file_count), _facts(part.details)] for part in item.parts]
    table = format_table(["PART", "SIZE", "FILES", ""], parts)
    return "\n".join(f"{name:<10}{value}" for name, value in head) + "\n\n" + table


def _facts(details: object) -> str:
    facts = dict(details) if isinstance(details, dict) else {}
    shown = ("timeline", "start_lsn", "end_lsn", "memories", "sessions", "model", "count")
    return ", ".join(f"{name.replace('_', ' ')} {facts[name]}" for name in shown if facts.get(name) is not None)


def _size(size_bytes: int) -> str:
    from controlplane.cli.status_screen import amount

    return amount(size_bytes, "B")
