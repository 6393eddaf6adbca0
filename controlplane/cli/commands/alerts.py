"""``cmctl alerts list``, ``show`` and ``test``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from controlplane.cli.commands.acknowledge import ack, resolve, unack
from controlplane.cli.commands.deliveries import deliveries, redeliver
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, format_table, output_option, plain

if TYPE_CHECKING:
    from controlplane.domain.alert import Alert, AlertFilter
    from controlplane.services.alerts import AlertAnswer

TABLE_LIMIT = 100
_END_NOTES = {
    "superseded": " at the latest: it began anew then, and nobody said when it had ended",
    "stale": " or before: Alertmanager did not know it any more",
}
_PRIORITY_COLOURS = {"P0": "red", "P1": "red", "P2": "yellow", "P3": "cyan"}


@click.group()
def alerts() -> None:
    """List, show and test alerts."""


alerts.add_command(ack)
alerts.add_command(unack)
alerts.add_command(resolve)
alerts.add_command(deliveries)
alerts.add_command(redeliver)


@alerts.command("list")
@click.option("--state", type=click.Choice(["firing", "resolved"]), show_envvar=True, help="Only alerts in this state.")
@click.option("--severity", show_envvar=True, help="Only alerts of this severity.")
@click.option(
    "--since", show_envvar=True, help="Only alerts with news since a time with a zone, or a duration ago such as 90m."
)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", show_envvar=True, help="Only with this label.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    show_envvar=True,
    help=f"At most this many; default {TABLE_LIMIT} in a table, no limit in JSON and YAML.",
)
@output_option
@click.pass_obj
def list_alerts(
    invocation: Invocation,
    state: Any,
    severity: str | None,
    since: str | None,
    labels: tuple[str, ...],
    limit: int | None,
    output: str,
) -> None:
    """List alerts, firing before resolved, newest first.

    Asks the daemon; when it does not answer, PostgreSQL, then the local files.
    """
    from controlplane.domain.alert import AlertFilter

    if limit is None and output == "table":
        limit = TABLE_LIMIT
    wanted = AlertFilter(
        state=state, severity=severity, since=_since(since), labels=dict(map(_label, labels)), limit=limit
    )
    found = _read(invocation, wanted).alerts
    emit(found, output, lambda: _alert_table(found))
    if output == "table" and len(found) == limit:
        click.echo(f"the first {limit}; --limit shows more", err=True)


@alerts.command()
@click.argument("fingerprint")
@output_option
@click.pass_obj
def show(invocation: Invocation, fingerprint: str, output: str) -> None:
    """Show the latest alert with FINGERPRINT, and every change of its state."""
    from controlplane.domain.alert import AlertFilter
    from controlplane.errors import CmctlError

    found = _read(invocation, AlertFilter(fingerprint=fingerprint), with_history=True)
    if not found.alerts:
        raise CmctlError(f"there is no alert with fingerprint {fingerprint!r}", hint="cmctl alerts list shows them")
    latest = max(found.alerts, key=lambda alert: alert.starts_at)
    emit({**plain(latest), "history": plain(found.history)}, output, lambda: _alert_page(latest, found))


@alerts.command("test")
@click.option("--direct", is_flag=True, show_envvar=True, help="Post straight to the webhook, without Alertmanager.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=1),
    show_envvar=True,
    help="Seconds to wait for each hop; default: Alertmanager's group wait and interval, and 30 more.",
)
@output_option
@click.pass_obj
def test_alerts(invocation: Invocation, direct: bool, timeout_seconds: float | None, output: str) -> int:
    """Send a real test alert and watch it pass every hop.

    The alert goes to Alertmanager, comes back through the webhook, is stored
    in PostgreSQL, and is resolved again. Exit code 1 names the hop that failed.
    """
    import asyncio
    import secrets

    from controlplane.cli.settings import load_settings
    from controlplane.wiring.alerts import alert_tester

    settings = load_settings(invocation)
    patience = settings.alertmanager.group_wait_seconds + settings.alertmanager.group_interval_seconds + 30
    tester = alert_tester(settings, direct, _say)
    tested = asyncio.run(tester.run(secrets.token_hex(8), timeout_seconds or patience))
    emit(tested, output, lambda: _hop_table(tested.hops))
    return 0 if tested.passed else 1


def _say(text: str) -> None:
    click.echo(text, err=True)


def _read(invocation: Invocation, wanted: "AlertFilter", with_history: bool = False) -> "AlertAnswer":
    """The alerts from the best source that answers; why not from a better one goes to stderr."""
    import asyncio

    from controlplane.cli.settings import load_settings
    from controlplane.services.alerts import read_alerts
    from controlplane.wiring.alerts import alert_sources

    found = asyncio.run(read_alerts(alert_sources(load_settings(invocation), _warn), wanted, with_history))
    for warning in found.warnings:
        _warn(warning)
    if found.warnings:
        _warn(f"answered from {found.source}")
    return found


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def _since(text: str | None) -> Any:
    from datetime import UTC, datetime

    from controlplane.domain.since import parse_since

    try:
        return parse_since(text, datetime.now(UTC)) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from error


def _label(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--label")
    return name, value


def _alert_table(found: Sequence["Alert"]) -> str:
    if not found:
        return "no alerts"
    rows = [
        [
            colour(alert.priority, _PRIORITY_COLOURS[alert.priority]),
            _state_text(alert.state) + (" (flaps)" if alert.flapping_since else ""),
            alert.name or "-",
            alert.severity or "-",
            _time(alert.starts_at),
            _time(alert.ends_at),
            alert.acknowledged_by or "-",
            alert.fingerprint,
        ]
        for alert in found
    ]
    return format_table(["PRIO", "STATE", "NAME", "SEVERITY", "STARTS", "ENDS", "ACKNOWLEDGED", "FINGERPRINT"], rows)


def _alert_page(alert: "Alert", found: "AlertAnswer") -> str:
    flaps = alert.flapping_since is not None
    fields = [
        ["name", alert.name or "-"],
        ["state", _state_text(alert.state)],
        ["priority", alert.priority],
        ["severity", alert.severity or "-"],
        ["starts", _time(alert.starts_at)],
        ["ends", f"{_time(alert.ends_at)}{_END_NOTES.get(alert.end_reason or '', '')}"],
        ["last notification", _time(alert.received_at)],
        ["acknowledged by", alert.acknowledged_by or "-"],
        ["acknowledged until", _time(alert.acknowledged_until)],
        *([["flaps since", f"{_time(alert.flapping_since)}, {alert.flapping_fires} times"]] if flaps else []),
        *[[f"label {name}", value] for name, value in sorted(alert.labels.items())],
        *[[name, " ".join(value.split())] for name, value in sorted(alert.annotations.items())],
    ]
    history = [[_time(change.at), _state_text(change.state), _time(change.received_at)] for change in found.history]
    return format_table(["FIELD", "VALUE"], fields) + "\n\n" + format_table(["AT", "STATE", "RECEIVED"], history)


def _hop_table(hops: Sequence[Any]) -> str:
    rows = [
        [
            hop.hop,
            colour(*(("passed", "green") if hop.passed else ("failed", "red"))),
            f"{hop.seconds:.1f} s",
            hop.detail,
        ]
        for hop in hops
    ]
    return format_table(["HOP", "RESULT", "AFTER", "DETAIL"], rows)


def _hop_result(passed: bool) -> str:
    return colour("passed", "green") if passed else colour("failed", "red")


def _state_text(state: str) -> str:
    return colour(state, "red" if state == "firing" else "green")


def _time(moment: Any) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ") if moment else "-"
