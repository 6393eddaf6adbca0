"""``cmctl anomaly``: score any series, and see what would have alerted."""

import contextlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from controlplane.cli.commands.anomaly_live import feedback, list_anomalies, scan, show, since_moment
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import emit, format_table, output_option, plain
from controlplane.errors import CmctlError, UsageProblem

if TYPE_CHECKING:
    from controlplane.domain.anomaly.backtest import Backtest
    from controlplane.domain.anomaly.ensemble import SeriesModel

_CHUNK_BYTES = 1 << 16


@click.group()
def anomaly() -> None:
    """Score series and review what is unusual."""


for _command in (list_anomalies, show, scan, feedback):
    anomaly.add_command(_command)


@anomaly.command()
@click.argument("file", required=False)
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Carry on from this file, and keep it.")
@click.option("--show-threshold", is_flag=True, help="Print the score at which an alert is raised, and stop.")
@click.option("--explain", is_flag=True, help="Say on stderr why each alert would be raised.")
def score(file: str | None, state: Path | None, show_threshold: bool, explain: bool) -> None:
    """Score every row of FILE (timestamp,value; - for stdin) as it is read."""
    from controlplane.domain.anomaly.calibration import ALERT_SCORE
    from controlplane.domain.anomaly.state import dump
    from controlplane.services.anomaly_scoring import Scorer

    if show_threshold:
        click.echo(f"{ALERT_SCORE:.9g}")
        return
    if file is None:
        raise UsageProblem("no FILE given", hint="name a CSV file, or - for stdin")
    model = _load_model(state)
    scorer = Scorer(model, "stdin" if file == "-" else file, _tell, explain)
    with _open(file) as stream:
        for text in scorer.run(_chunks(stream)):
            sys.stdout.write(text)
            sys.stdout.flush()
    if state is not None:
        _keep(state, dump(model))


@anomaly.command()
@click.argument("file", required=False)
@click.option("--promql", show_envvar=True, help="Instead of FILE: the one series that this query gives.")
@click.option("--since", default="30d", show_default=True, show_envvar=True, help="With --promql: how far back.")
@click.option(
    "--step",
    "step_seconds",
    type=click.FloatRange(min=0.5),
    default=60.0,
    show_default=True,
    show_envvar=True,
    help="With --promql: seconds between samples.",
)
@click.option("--windows", type=click.Path(path_type=Path, dir_okay=False), help="JSON list of [start, end] pairs.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write a picture (SVG) here.")
@output_option
@click.pass_obj
def backtest(
    invocation: Invocation,
    file: str | None,
    promql: str | None,
    since: str,
    step_seconds: float,
    windows: Path | None,
    plot: Path | None,
    output: str,
) -> None:
    """Show what would have alerted in FILE or in the past of a query, and how good that was."""
    from controlplane.services.anomaly_backtest import backtest as run_backtest
    from controlplane.services.anomaly_backtest import read_windows
    from controlplane.services.anomaly_plot import svg

    known = read_windows(_read(windows).decode("utf-8", "replace"), str(windows)) if windows else []
    if (file is None) == (promql is None):
        raise UsageProblem("name either FILE or --promql", hint="a CSV file, - for stdin, or a query")
    if promql is not None:
        name = promql
        result, trace = run_backtest(_past(invocation, promql, since, step_seconds), name, known, _tell)
    else:
        name = "stdin" if file == "-" else str(file)
        with _open(str(file)) as stream:
            result, trace = run_backtest(_chunks(stream), name, known, _tell)
    if plot is not None:
        _keep(plot, svg(name, result, trace).encode())
    emit(_report(result), output, lambda: _table(result, trace.values))


def _past(invocation: Invocation, promql: str, since: str, step_seconds: float) -> Iterator[bytes]:
    """The past of a query as the rows that a file would have."""
    import asyncio

    from controlplane.cli.settings import load_settings
    from controlplane.wiring.anomaly_reading import past_of

    points = asyncio.run(past_of(load_settings(invocation), promql, since_moment(since), step_seconds))
    yield b"timestamp,value\n"
    for first in range(0, len(points), 1000):
        yield "".join(f"{at / 1000:.3f},{value!r}\n" for at, value in points[first : first + 1000]).encode()


def _report(result: "Backtest") -> dict[str, Any]:
    return {
        "rows": result.rows,
        "precision": result.precision,
        "recall": result.recall,
        "median_delay_seconds": result.median_delay_seconds,
        "alarms_per_week": result.alarms_per_week,
        "alarms": [{**plain(alarm), "at": _when(alarm.at)} for alarm in result.alarms],
        "windows": [
            {"start": _when(window.start), "end": _when(window.end), "delay_seconds": window.delay_seconds}
            for window in result.windows
        ],
    }


def _table(result: "Backtest", values: list[float]) -> str:
    from controlplane.services.anomaly_plot import sparkline

    def share(number: float | None, form: str) -> str:
        return "-" if number is None else format(number, form)

    rows = [
        (_when(alarm.at), f"{alarm.score:.5f}", "yes" if alarm.in_window else "no", alarm.reason)
        for alarm in result.alarms
    ]
    summary = (
        f"{result.rows} rows, {len(result.alarms)} alarms, {share(result.alarms_per_week, '.2f')} a week; precision "
        f"{share(result.precision, '.2f')}, recall {share(result.recall, '.2f')}, median delay "
        f"{share(result.median_delay_seconds, '.0f')} s"
    )
    return "\n".join([sparkline(values), format_table(("at", "score", "in window", "reason"), rows), summary])


def _when(seconds: float) -> str:
    """RFC 3339 in UTC; the bare number when no calendar reaches so far."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"


def _tell(message: str) -> None:
    click.echo(message, err=True)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Whatever has arrived, without waiting for more."""
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_CHUNK_BYTES):
        yield chunk


@contextlib.contextmanager
def _open(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream
    except OSError as error:
        raise CmctlError(f"cannot read {file}: {error.strerror}") from error


def _load_model(path: Path | None) -> "SeriesModel":
    from controlplane.domain.anomaly.ensemble import SeriesModel
    from controlplane.domain.anomaly.state import load

    return SeriesModel() if path is None or not path.exists() else load(_read(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CmctlError(f"cannot read {path}: {error.strerror}") from error


def _keep(path: Path, state: bytes) -> None:
    """Replace the state file in one step, so that a crash leaves the old one whole."""
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_bytes(state)
        fresh.replace(path)
    except OSError as error:
        raise CmctlError(f"cannot write {path}: {error.strerror}") from error
