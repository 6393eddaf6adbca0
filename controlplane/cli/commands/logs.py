"""``cmctl logs show``."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from controlplane.cli.completion import complete_component
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, output_option
from controlplane.domain.logline import LEVELS, LogFilter, LogLine
from controlplane.errors import UsageProblem

if TYPE_CHECKING:
    from controlplane.services.logs import LogSource

_POLL_SECONDS = 0.25
_COLOURS = {"warning": "yellow", "error": "red", "critical": "red"}


@click.group()
def logs() -> None:
    """Show the logs of the components."""


@logs.command()
@click.argument("components", nargs=-1, metavar="[COMPONENT]...", shell_complete=complete_component)
@click.option("-n", "--lines", "count", type=click.IntRange(min=0), default=100, show_default=True, help="Last lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until interrupted.")
@click.option("--since", metavar="1h|TIME", help="Only lines younger than this: a duration, or a time with a zone.")
@click.option("--level", type=click.Choice(LEVELS), help="Only lines at least as grave.")
@click.option("--grep", "pattern", metavar="REGEX", help="Only lines that match this regular expression.")
@output_option
@click.pass_obj
def show(
    invocation: Invocation,
    components: tuple[str, ...],
    count: int,
    follow: bool,
    since: str | None,
    level: str | None,
    pattern: str | None,
    output: str,
) -> None:
    """Show the last lines of logs, merged by time.

    COMPONENT is a component, ``supervisord`` or ``alerts``; without one, all
    components and the supervisor are shown. With --follow, JSON output is one
    object a line.
    """
    from controlplane.services.logs import last_lines

    wanted = LogFilter(_moment(since), level, _compiled(pattern))
    sources = _sources(invocation, components)
    has_prefix = len(sources) > 1
    if follow:
        _follow(sources, wanted, count, output, has_prefix)
        return
    found = last_lines(sources, wanted, count)
    if output == "table":
        _print_lines(found, has_prefix)
    else:
        emit([_record(line) for line in found], output, str)


def _sources(invocation: Invocation, components: Sequence[str]) -> "list[LogSource]":
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.logs import log_sources

    return log_sources(load_settings(invocation), components)


def _follow(sources: "Sequence[LogSource]", wanted: LogFilter, count: int, output: str, has_prefix: bool) -> None:
    import time

    from controlplane.services.logs import last_lines, new_lines

    # Marked first: what is written while the last lines are read may be shown twice, but is never lost.
    for source in sources:
        source.follow()
    lines = last_lines(sources, wanted, count)
    try:
        while True:
            if output == "json":
                _print_json(lines)
            else:
                _print_lines(lines, has_prefix)
            time.sleep(_POLL_SECONDS)
            lines = new_lines(sources, wanted)
    except KeyboardInterrupt:
        return
    finally:
        for source in sources:
            source.close()


def _print_lines(lines: Sequence[LogLine], has_prefix: bool) -> None:
    width = max((len(line.component) for line in lines), default=0)
    for line in lines:
        prefix = f"{line.component:<{width}} | " if has_prefix else ""
        text = colour(line.text, _COLOURS[line.level]) if line.level in _COLOURS else line.text
        click.echo(prefix + text)


def _print_json(lines: Sequence[LogLine]) -> None:
    import json

    from controlplane.cli.output import plain

    for line in lines:
        click.echo(json.dumps(plain(_record(line)), ensure_ascii=False))


def _record(line: LogLine) -> dict[str, object]:
    return {
        "time": line.time,
        "component": line.component,
        "level": line.level,
        "message": line.message,
        "line": line.text,
    }


def _moment(since: str | None) -> datetime | None:
    from controlplane.domain.duration import parse_duration
    from controlplane.domain.logline import parse_time

    if since is None:
        return None
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_duration(since))
    except ValueError:
        moment = parse_time(since)
    if moment is None:
        raise UsageProblem(
            f"--since {since!r} is neither a duration nor a time", hint="for example 90m, 1h30m or 2026-01-31T08:00:00Z"
        )
    return moment


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise UsageProblem(f"--grep {pattern!r} is not a regular expression: {error}") from error
