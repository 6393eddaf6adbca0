"""``cmctl alerts ack``, ``unack`` and ``resolve``."""

from typing import Any

import click

from controlplane.cli.daemon import tell_daemon
from controlplane.cli.invocation import Invocation
from controlplane.cli.output import emit, output_option

AUTHOR = click.option("--author", required=True, envvar="CMCTL_AUTHOR", show_envvar=True, help="Who you are.")


@click.command()
@click.argument("fingerprint")
@AUTHOR
@click.option("--for", "duration", default="4h", show_default=True, show_envvar=True, help="How long it is yours.")
@click.option("--note", default="", show_envvar=True, help="What you found, or what you do.")
@output_option
@click.pass_obj
def ack(invocation: Invocation, fingerprint: str, author: str, duration: str, note: str, output: str) -> None:
    """Take the firing alert FINGERPRINT on, for a time.

    When the time is over and it still fires, it is nobody's again.
    """
    from controlplane.domain.duration import parse_duration

    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--for") from error
    request = {"author": author, "note": note, "duration_seconds": seconds}
    alert = _post(invocation, fingerprint, "ack", request)
    emit(alert, output, lambda: f"{alert['name']} is {author}'s until {alert['acknowledged_until'][:19]}Z")


@click.command()
@click.argument("fingerprint")
@AUTHOR
@output_option
@click.pass_obj
def unack(invocation: Invocation, fingerprint: str, author: str, output: str) -> None:
    """Give the firing alert FINGERPRINT back before its time is over."""
    alert = _post(invocation, fingerprint, "unack", {"author": author})
    emit(alert, output, lambda: f"{alert['name']} is nobody's")


@click.command()
@click.argument("fingerprint")
@AUTHOR
@click.option("--reason", required=True, show_envvar=True, help="How you know that it is over.")
@click.option("--anyway", is_flag=True, show_envvar=True, help="Although Alertmanager does not answer.")
@output_option
@click.pass_obj
def resolve(invocation: Invocation, fingerprint: str, author: str, reason: str, anyway: bool, output: str) -> None:
    """End the alert FINGERPRINT by hand, because its ending was lost.

    Refused while Alertmanager knows it. The action ledger keeps who did it and why; if a notification comes that it
    fires, it fires again.
    """
    ended = _post(invocation, fingerprint, "resolve", {"author": author, "reason": reason, "anyway": anyway})
    emit(ended, output, lambda: f"{ended[0]['name']} is over")


def _post(invocation: Invocation, fingerprint: str, verb: str, request: dict[str, Any]) -> Any:
    from urllib.parse import quote

    path = f"/api/v1/alerts/{quote(fingerprint, safe='')}/{verb}"
    return tell_daemon(invocation, path, request)
