"""``cmctl jobs list``, ``run`` and ``history``."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from controlplane.cli.daemon import ask_daemon, daemon_of
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option

_HINT = "the jobs are the daemon's: start it with cmctl up controlplane"
_OUTCOME_COLOURS = {"succeeded": "green", "failed": "red", "missed": "yellow", "interrupted": "yellow"}


@click.group()
def jobs() -> None:
    """List, run and review scheduled jobs."""


@jobs.command("list")
@output_option
@click.pass_obj
def list_jobs(invocation: Invocation, output: str) -> None:
    """List the tasks: when each is due next, and how its last run went."""
    tasks = ask_daemon(invocation, "/api/v1/jobs", hint=_HINT)
    emit(tasks, output, lambda: _task_table(tasks))


@jobs.command()
@click.argument("name")
@output_option
@click.pass_obj
def run(invocation: Invocation, name: str, output: str) -> int:
    """Run task NAME now and wait for its end. Exit code 1 when it fails."""
    import asyncio

    click.echo(f"{name}: running …", err=True)
    entry = asyncio.run(daemon_of(invocation).run_job(name))
    emit(entry, output, lambda: _run_table([entry]))
    return 0 if entry["outcome"] == "succeeded" else 1


@jobs.command()
@click.option("--task", show_envvar=True, help="Only runs of this task.")
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
def history(invocation: Invocation, task: str | None, limit: int, output: str) -> None:
    """List what ran, what failed and what was missed, newest first."""
    query = [("limit", str(limit)), *([("task", task)] if task else [])]
    runs = ask_daemon(invocation, "/api/v1/jobs/history", query, hint=_HINT)
    emit(runs, output, lambda: _run_table(runs))


def _task_table(tasks: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [task["task"], task["schedule"], _time(task["next_due_at"]), *_last_run(task), task["description"]]
        for task in tasks
    ]
    return format_table(["TASK", "SCHEDULE", "NEXT", "LAST RUN", "OUTCOME", "DESCRIPTION"], rows)


def _last_run(task: Mapping[str, Any]) -> tuple[str, str]:
    entry = task["last_run"]
    if task["running"]:
        return "now", "running"
    return (_time(entry["started_at"]), _outcome(entry["outcome"])) if entry else ("-", "-")


def _run_table(runs: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            entry["task"],
            _time(entry["scheduled_for"]),
            _time(entry["finished_at"]),
            _outcome(entry["outcome"]),
            entry["trigger"],
            entry["detail"],
        ]
        for entry in runs
    ]
    return format_table(["TASK", "SCHEDULED FOR", "FINISHED", "OUTCOME", "TRIGGER", "DETAIL"], rows)


def _outcome(outcome: str) -> str:
    return colour(outcome, _OUTCOME_COLOURS.get(outcome, "cyan"))


def _time(text: str | None) -> str:
    return text[:19].replace("T", " ") + "Z" if text else "-"
