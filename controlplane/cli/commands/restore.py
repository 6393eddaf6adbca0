"""``cmctl restore``."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from controlplane.cli.backup_progress import LiveSteps, PlainSteps
    from controlplane.domain.backup.restoring import RestorePlan, RestoreReport
    from controlplane.domain.backup.target import RecoveryTarget
    from controlplane.services.backup.restore import Restorer
    from controlplane.services.backup.restore_plan import RestorePlanner, Wish
    from controlplane.services.planned_work import Working

Part = Literal["postgresql", "vectors", "configuration"]
# A restore that nobody ended does not exclude more than this.
LONGEST = timedelta(hours=4)
BY_DEFAULT: tuple[Part, ...] = ("postgresql", "vectors")


@click.command()
@click.argument("id", default="latest")
@click.option("--target-time", metavar="TIME", help="Recover up to this time, with its zone: 2026-11-20T03:00:00Z.")
@click.option("--target-lsn", metavar="LSN", help="Recover up to this position of the write-ahead log.")
@click.option("--target-name", metavar="NAME", help="Recover up to this restore point.")
@click.option(
    "--target-timeline", default="latest", show_default=True, help="latest, current (the set's own), or a number."
)
@click.option(
    "--only",
    type=click.Choice(["postgresql", "vectors", "qdrant", "configuration"]),
    multiple=True,
    help="Only this part; default: postgresql and vectors (which qdrant means, too). May be given more than once.",
)
@click.option(
    "--to", "into", type=click.Path(path_type=Path), help="Into this new folder, beside production, and start nothing."
)
@click.option(
    "--programs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --to: the folder of PostgreSQL's programs of the set's major version, when it is another than here.",
)
@click.option("--confirm", metavar="NAME", show_envvar=True, help="The name that the plan shows, instead of typing it.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--author", envvar="CMCTL_AUTHOR", show_envvar=True, help="Who answers for it; default: you.")
@click.option("--rollback", is_flag=True, help="Put back what the latest restore replaced.")
@click.option("--drop-replaced", is_flag=True, help="Delete what the latest restore replaced.")
@output_option
@click.pass_obj
def restore(
    invocation: Invocation,
    id: str,
    target_time: str | None,
    target_lsn: str | None,
    target_name: str | None,
    target_timeline: str,
    only: tuple[Part | Literal["qdrant"], ...],
    into: Path | None,
    programs: Path | None,
    confirm: str | None,
    dry_run: bool,
    author: str | None,
    rollback: bool,
    drop_replaced: bool,
    output: str,
) -> int | None:
    """Restore the recovery set ID; by default the newest good one, and all WAL after it.

    Prints its plan and asks for a name. What is replaced is kept aside until
    --drop-replaced. Until the data are exchanged, a failure leaves everything
    as it was. Cut off, it can be run again, or rolled back. What it stops is in
    maintenance meanwhile: silenced, and excluded from the objectives.
    """
    from controlplane.cli.backup_progress import stderr_steps
    from controlplane.cli.settings import load_settings
    from controlplane.cli.signals import end_like_ctrl_c
    from controlplane.config.load import locate
    from controlplane.services.backup.restore_plan import Wish
    from controlplane.wiring.restore import restorer

    end_like_ctrl_c()
    target = _target(target_time, target_lsn, target_name)
    timeline = _timeline(target_timeline)
    steps = stderr_steps()
    _require_new(into, programs)
    locations = locate(invocation.config, invocation.data_dir)
    planner, service = restorer(load_settings(invocation), locations, steps, into and into.absolute(), programs)
    work = _Work(invocation, planner, service, steps, confirm, author, output)
    try:
        if drop_replaced:
            return work.drop_replaced()
        if rollback:
            return work.roll_back()
        return work.restore(Wish(id, target, timeline, _parts(only)), into, dry_run)
    finally:
        steps.done()


@dataclass(frozen=True)
class _Work:
    """What the command can do. Each returns the exit code."""

    invocation: Invocation
    planner: "RestorePlanner"
    service: "Restorer"
    steps: "PlainSteps | LiveSteps"
    confirm: str | None
    author: str | None
    output: str

    def drop_replaced(self) -> int:
        _confirmed(self.planner.name, self.confirm)
        dropped = self.service.drop_replaced()
        self.steps.done()
        emit(dropped.to_json(), self.output, lambda: f"restore {dropped.id}: dropped what it replaced")
        return 0

    def roll_back(self) -> int:
        _confirmed(self.planner.name, self.confirm)
        stops = self.service.components.running()
        with self._recorded("the latest restore", "rollback of the latest restore", stops):
            journal = self.service.rollback(self.steps)
        self.steps.done()
        emit(journal.to_json(), self.output, lambda: f"restore {journal.id}: rolled back")
        return 0

    def restore(self, wish: "Wish", into: Path | None, dry_run: bool) -> int:
        plan = self.planner.plan(wish)
        if dry_run:
            emit(plan, self.output, lambda: _plan(plan, into))
            return 0
        click.echo(_plan(plan, into), err=True)
        report = self.service.restore_beside(plan, wish, self.steps) if into else self._in_place(plan, wish)
        self.steps.done()
        emit(report, self.output, lambda: _report(report))
        return 1 if report.problems else 0

    def _in_place(self, plan: "RestorePlan", wish: "Wish") -> "RestoreReport":
        _confirmed(plan.confirm_name, self.confirm)
        reason = f"restore of {plan.set_id} up to {plan.target}"
        with self._recorded(plan.set_id, reason, plan.stops) as working:
            report = self.service.restore(plan, wish, self.steps)
            working.detail = "; ".join([f"{reason}, RTO {report.rto_seconds:.1f} s", *report.problems])
            working.outcome = "failed" if report.problems else "succeeded"
        return report

    def _recorded(self, subject: str, reason: str, stops: "Sequence[str]") -> "AbstractContextManager[Working]":
        """In the action ledger, and in maintenance for what runs and is stopped; what was down before is an outage."""
        from controlplane.cli.settings import load_settings
        from controlplane.domain.component import services_of
        from controlplane.wiring.planned_work import planned_work

        settings, services = load_settings(self.invocation), services_of(stops)
        return planned_work(settings, "restore", subject, reason, services, LONGEST, self.steps.note, self.author)


def _target(time: str | None, lsn: str | None, name: str | None) -> "RecoveryTarget":
    from datetime import datetime

    from controlplane.domain.backup.target import Lsn, RecoveryTarget
    from controlplane.errors import UsageProblem

    try:
        moment = datetime.fromisoformat(time) if time is not None else None
    except ValueError as error:
        raise UsageProblem(f"--target-time: {time!r} is no time", hint="such as 2026-11-20T03:00:00Z") from error
    try:
        return RecoveryTarget(time=moment, lsn=Lsn.parse(lsn) if lsn is not None else None, name=name)
    except ValueError as error:
        raise UsageProblem(str(error), hint="see cmctl restore --help") from error


def _parts(only: tuple[Part | Literal["qdrant"], ...]) -> tuple[Part, ...]:
    named: list[Part] = ["vectors" if part == "qdrant" else part for part in only]
    return tuple(dict.fromkeys(named)) or BY_DEFAULT


def _timeline(text: str) -> str:
    from controlplane.errors import UsageProblem

    if text not in ("latest", "current") and not (text.isdecimal() and int(text) > 0):
        raise UsageProblem(f"--target-timeline: {text!r} is none", hint="latest, current, or a number from 1 on")
    return text


def _require_new(into: Path | None, programs: Path | None) -> None:
    from controlplane.errors import Refused, UsageProblem

    if programs is not None and into is None:
        raise UsageProblem(
            "--programs: what runs here is of one major version, and so are its data", hint="restore --to a new folder"
        )
    if into is not None and into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise Refused(f"--to: {into} is not an empty folder", hint="name a new one")


def _confirmed(name: str, given: str | None) -> None:
    from controlplane.errors import Refused

    if given is None and sys.stdin.isatty():
        given = click.prompt(f"Type {name} to go on", err=True)
    if given != name:
        problem = "nobody confirmed it" if given is None else f"{given!r} is not the name"
        raise Refused(f"not restored: {problem}", hint=f"add --confirm {name}")


def _plan(plan: "RestorePlan", into: Path | None) -> str:
    lines = [
        ["set", f"{plan.set_id}" + (f", which builds on {', '.join(plan.chain[:-1])}" if len(plan.chain) > 1 else "")],
        ["recover", f"{', '.join(plan.parts)} up to {plan.target}, timeline {plan.timeline}"],
    ]
    if into is None:
        lines += [
            ["stop", ", ".join(plan.stops) or "nothing: nothing of it runs"],
            ["replace", ", ".join(plan.replaces)],
            ["lost", f"everything after {plan.lost_after}" if "postgresql" in plan.parts else plan.lost_after],
            ["kept", "what is replaced, until cmctl restore --drop-replaced"],
        ]
    else:
        lines.append(["into", str(into)])
    usual = (
        f"about {plan.usual_seconds:.0f} s, by past drills and restores"
        if plan.usual_seconds is not None
        else "not known yet"
    )
    lines.append(["takes", usual])
    if into is None:
        lines.append(["confirm", f"with --confirm {plan.confirm_name}"])
    return "\n".join(f"{name:<9}{text}" for name, text in lines)


def _report(report: "RestoreReport") -> str:
    lines = [
        ["set", report.set_id],
        ["reached", f"{report.reached_lsn} on timeline {report.timeline}, target {report.target}"],
        ["commit", f"{report.last_commit_at:%Y-%m-%d %H:%M:%S.%f} UTC" if report.last_commit_at else "none replayed"],
        ["RPO", f"{report.rpo_seconds:.1f} s at most" if report.rpo_seconds is not None else "not measured"],
        ["RTO", f"{report.rto_seconds:.1f} s ({report.total_seconds:.1f} s with preparing)"],
    ]
    rows = ", ".join(f"{name} {count}" for name, count in report.counts.items())
    if rows:
        lines.append(["rows", rows])
    if report.vectors_missing is not None:
        lines.append(["vectors", f"{report.vectors_missing} were missing, {report.vectors_surplus} too many; repaired"])
    lines += [["problem", colour(text, "red")] for text in report.problems]
    return "\n".join(f"{name:<9}{text}" for name, text in lines)
