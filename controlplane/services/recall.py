"""Picking up after the last daemon: what it knew, and the lines that its end kept out of alerts.log."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from controlplane.domain.alert import Alert
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ingest import ReceiptClock, encode_alert
from controlplane.services.ports import AlertLog

_EVER = datetime.min.replace(tzinfo=UTC)


def recall(
    current: CurrentAlerts,
    clock: ReceiptClock,
    alert_log: AlertLog,
    logged: Sequence[Alert],
    left_over: Iterable[tuple[Alert, bytes]],
    on_left_over: Callable[[list[Alert]], None] = lambda alerts: None,
) -> None:
    """Fill the memory, and write the missing lines.

    ``logged`` are the alerts of the newest lines of alerts.log, oldest first; ``left_over`` those of the journal, each
    with its line, in the order of their receipt. A line follows its record at once, so only the last records can lack
    theirs: what was received before the oldest of ``logged`` is not looked for.
    """
    current.apply(logged)
    known = {(alert.fingerprint, alert.starts_at, alert.state) for alert in logged}
    # the line of a superseded alert has the time of that alert's own notification, which may be long ago
    since = min((alert.received_at for alert in logged if alert.end_reason != "superseded"), default=_EVER)
    for alert, line in left_over:
        ended = current.apply([alert]).superseded
        on_left_over([alert])
        clock.not_before(alert.received_at)
        if alert.received_at < since:
            continue
        for told, text in [(alert, line), *[(older, encode_alert(older)) for older in ended]]:
            if (told.fingerprint, told.starts_at, told.state) not in known:
                alert_log.append(text + b"\n")
                known.add((told.fingerprint, told.starts_at, told.state))
    for alert in logged:
        clock.not_before(alert.received_at)
