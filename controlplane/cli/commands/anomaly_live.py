"""``cmctl anomaly list|show|scan|feedback``: what the daemon watches, and what it found."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.daemon import ask_daemon, tell_daemon
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option
from controlplane.errors import UsageProblem

if TYPE_CHECKING:
    from controlplane.services.anomaly.scan import Scanned

Record = Mapping[str, Any]
_HINT = "what was learnt is the daemon's; cmctl anomaly scan works without it"
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan", "anomalous": "red", "failing": "red", "gone": "yellow"}


@click.command("list")
@click.option("--open", "is_open", is_flag=True, show_envvar=True, help="Only anomalies that last.")
@click.option("--watch", show_envvar=True, help="Only those of this watch.")
@click.option("--since", show_envvar=True, help="Only those that lasted since a time, or so long ago: 2d, 90m.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    show_envvar=True,
    help="At most this many.",
)
@click.option("--series", "what", flag_value="series", help="The watched series as they are now, instead.")
@click.option("--watches", "what", flag_value="watches", help="What is watched, and how well that works, instead.")
@output_option
@click.pass_obj
def list_anomalies(
    invocation: Invocation,
    is_open: bool,
    watch: str | None,
    since: str | None,
    limit: int,
    what: str | None,
    output: str,
) -> None:
    """List anomalies, newest first."""
    if what == "series":
        rows = ask_daemon(invocation, "/api/v1/anomalies/series", hint=_HINT)
        emit(rows, output, lambda: _series_table(rows))
        return
    if what == "watches":
        state = ask_daemon(invocation, "/api/v1/anomalies/watches", hint=_HINT)
        emit(state, output, lambda: _watches_page(state))
        return
    query = [("limit", str(limit)), *([("state", "open")] if is_open else [])]
    query += [(name, value) for name, value in (("watch", watch), ("since", since)) if value]
    episodes = ask_daemon(invocation, "/api/v1/anomalies", query, hint=_HINT)
    emit(episodes, output, lambda: _episode_table(episodes))


@click.command()
@click.argument("anomaly_id", metavar="ID")
@output_option
@click.pass_obj
def show(invocation: Invocation, anomaly_id: str, output: str) -> None:
    """Show anomaly ID: what happened, its stretch with the band, what was said of it."""
    import asyncio

    from controlplane.cli.settings import load_settings
    from controlplane.errors import CmctlError
    from controlplane.wiring.anomaly_reading import stretch_of

    episode = ask_daemon(invocation, f"/api/v1/anomalies/{_quoted(anomaly_id)}", hint=_HINT)
    stretch, problem = None, None
    try:
        stretch = asyncio.run(stretch_of(load_settings(invocation), episode))
    except CmctlError as error:
        problem = error.message
    data = {**episode, "stretch": stretch, "stretch_problem": problem}

    def table() -> str:
        from controlplane.services.anomaly.draw import text_chart

        lines = _facts(episode)
        if stretch is None:
            return f"{lines}\n\nno picture: {problem}"
        begin = datetime.fromisoformat(episode["started_at"]).timestamp()
        chart = text_chart(stretch, begin, begin + episode["duration_seconds"])
        first, last = (datetime.fromtimestamp(stretch.times[at], UTC) for at in (0, -1))
        foot = f"{first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S} UTC; ░ band, ● inside, ◆ outside, ▔ the anomaly"
        return "\n".join([lines, "", *chart, foot])

    emit(data, output, table)


@click.command()
@click.argument("anomaly_id", metavar="ID")
@click.option("--fine", "said", flag_value="fine", help="It was no fault: the alert ends, the next needs more.")
@click.option("--real", "said", flag_value="real", help="It was a fault: counts for the precision.")
@click.option("--undo", "said", flag_value="undo", help="Take back what was said, and its whole effect.")
@click.option("--note", default="", show_envvar=True, help="Why, for those who look later.")
@click.option("--by", show_envvar=True, help="Who says so; default: the user of this machine.")
@output_option
@click.pass_obj
def feedback(invocation: Invocation, anomaly_id: str, said: str | None, note: str, by: str | None, output: str) -> None:
    """Say whether anomaly ID was fine or real."""
    import getpass

    if said is None:
        raise UsageProblem("say what it was", hint="one of --fine, --real and --undo")
    person = by or getpass.getuser()
    path = f"/api/v1/anomalies/{_quoted(anomaly_id)}/feedback"
    if said == "undo":
        episode = tell_daemon(invocation, f"{path}/undo?by={_quoted(person)}", {})
    else:
        episode = tell_daemon(invocation, path, {"verdict": said, "by": person, "note": note})
    emit(episode, output, lambda: f"{episode['id']}: {episode['feedback'] or 'not judged'}; {_effect(episode)}")


@click.command()
@click.option("--since", default="1d", show_default=True, show_envvar=True, help="How far back: a time, or 2d, 90m.")
@click.option("--watch", "names", multiple=True, show_envvar=True, help="Only this watch; may be given more than once.")
@output_option
@click.pass_obj
def scan(invocation: Invocation, since: str, names: tuple[str, ...], output: str) -> None:
    """Score every watch over Prometheus's past, with nothing learnt before; works without the daemon."""
    import asyncio

    from controlplane.cli.settings import load_settings
    from controlplane.wiring.anomaly_reading import scan_watches

    start = since_moment(since)
    scanned = asyncio.run(scan_watches(load_settings(invocation), names, start))
    rows = [_scanned(one) for one in scanned]
    emit(rows, output, lambda: _scan_page(rows))


def since_moment(text: str) -> datetime:
    """The moment that --since means. Raises click.BadParameter."""
    from controlplane.domain.since import parse_since

    try:
        return parse_since(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error


def _scanned(one: "Scanned") -> dict[str, Any]:
    from controlplane.services.anomaly.present import episode_view

    state = "failing" if one.problem else "no_data" if not one.series else "ok"
    return {
        "watch": one.watch.name,
        "title": one.watch.title,
        "state": state,
        "problem": one.problem,
        "series": one.series,
        "series_warming_up": one.warming_up,
        "samples": one.samples,
        "episodes": [episode_view(episode, {one.watch.name: one.watch}, (), {}) for episode in one.episodes],
    }


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _episode_table(episodes: Sequence[Record]) -> str:
    if not episodes:
        return "no anomalies"
    rows = [
        [
            episode["id"],
            colour(episode["severity"], _COLOURS[episode["severity"]]),
            episode["state"],
            _time(episode["started_at"]),
            _duration(episode["duration_seconds"]),
            f"{episode['watch']}{episode['series']}",
            episode["feedback"] or "-",
            episode["reason"],
        ]
        for episode in episodes
    ]
    return format_table(["ID", "SEVERITY", "STATE", "STARTED", "LASTED", "SERIES", "SAID", "REASON"], rows)


def _series_table(series: Sequence[Record]) -> str:
    if not series:
        return "no series: no watch has data yet; see cmctl anomaly list --watches"
    rows = [
        [
            one["watch"],
            ", ".join(f"{name}={value}" for name, value in one["labels"].items()) or "-",
            colour(one["state"], _COLOURS.get(one["state"], "green")),
            f"{one['score']:.4f}",
            f"{one['value']:.4g}",
            f"{one['expected'] - one['band']:.4g} to {one['expected'] + one['band']:.4g}",
            f"{one['samples_to_learn']} samples" if one["samples_to_learn"] else "-",
        ]
        for one in series
    ]
    return format_table(["WATCH", "LABELS", "STATE", "SCORE", "VALUE", "BAND", "WARM-UP LEFT"], rows)


def _watches_page(state: Record) -> str:
    rows = [
        [
            watch["name"],
            colour(watch["state"].replace("_", " "), _COLOURS.get(watch["state"], "green")),
            str(watch["series"]),
            f"{watch['interval_seconds']:g} s",
            watch["title"],
            "; ".join([*([watch["problem"]] if watch["problem"] else []), *watch["notes"]]),
        ]
        for watch in state["watches"]
    ]
    judged = state["judged_real"] + state["judged_fine"]
    precision = f"{state['precision']:.0%} of {judged} judged anomalies were real" if judged else "none was judged yet"
    problems = [
        f"{name} does not answer: {state[key]}"
        for name, key in (
            ("Prometheus", "prometheus_problem"),
            ("PostgreSQL", "store_problem"),
            ("Alertmanager", "alertmanager_problem"),
        )
        if state[key]
    ]
    table = format_table(["WATCH", "STATE", "SERIES", "EVERY", "WHAT", ""], rows)
    return "\n".join([table, "", f"precision: {precision}", *problems])


def _facts(episode: Record) -> str:
    unit = f" {episode['unit']}" if episode["unit"] else ""
    low, high = episode["expected"] - episode["band"], episode["expected"] + episode["band"]
    ended = f"{_time(episode['ended_at'])} ({episode['end_reason']})" if episode["ended_at"] else "it lasts"
    said = (
        episode["feedback"] and f"{episode['feedback']} by {episode['feedback_by']} {episode['feedback_note']}".strip()
    )
    return format_table(
        ["FIELD", "VALUE"],
        [
            ["series", f"{episode['title']}: {episode['watch']}{episode['series']}"],
            ["severity", colour(episode["severity"], _COLOURS[episode["severity"]])],
            ["reason", episode["reason"]],
            ["原因", episode["reason_zh"]],
            ["started", _time(episode["started_at"])],
            ["ended", ended],
            ["samples outside", str(episode["samples"])],
            ["band when it began", f"{low:.4g} to {high:.4g}{unit}"],
            ["farthest value", f"{episode['worst']:.4g}{unit}"],
            ["evidence", f"{episode['evidence_nats']} nats (a chance of about 1 in e^{episode['evidence_nats']:.0f})"],
            ["said of it", said or f"nothing; cmctl anomaly feedback {episode['id']} --fine | --real"],
            ["effect of feedback", _effect(episode)],
        ],
    )


def _effect(episode: Record) -> str:
    if not episode["bar_nats"]:
        return f"the bar for {episode['family']} changes of this series is the usual one"
    rarer = 2.718281828 ** episode["bar_nats"]
    return (
        f"the bar for {episode['family']} changes of this series is {episode['bar_nats']:g} nats higher: "
        f"an alarm has to be {rarer:.0f} times as rare"
    )


def _scan_page(rows: Sequence[Record]) -> str:
    table = format_table(
        ["WATCH", "STATE", "SERIES", "WARMING UP", "ANOMALIES", ""],
        [
            [
                row["watch"],
                colour(row["state"].replace("_", " "), _COLOURS.get(row["state"], "green")),
                str(row["series"]),
                str(row["series_warming_up"]),
                str(len(row["episodes"])),
                row["problem"],
            ]
            for row in rows
        ],
    )
    episodes = [
        [
            episode["severity"],
            episode["started_at"].strftime("%Y-%m-%d %H:%M:%SZ"),
            _duration(episode["duration_seconds"]),
            f"{row['watch']}{episode['series']}",
            episode["reason"],
        ]
        for row in rows
        for episode in row["episodes"]
    ]
    if not episodes:
        return f"{table}\n\nnothing unusual"
    return table + "\n\n" + format_table(["SEVERITY", "STARTED", "LASTED", "SERIES", "REASON"], episodes)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _time(text: str | None) -> str:
    return text[:19].replace("T", " ") + "Z" if text else "-"
