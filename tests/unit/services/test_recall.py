"""Picking up after the last daemon: each line of alerts.log once, however much the journal still holds."""

from datetime import UTC, datetime, timedelta

from controlplane.domain.alert import Alert, EndReason
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.ingest import ReceiptClock, decode_alert, encode_alert
from controlplane.services.recall import recall

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


class Log:
    """Stands in for alerts.log."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def append(self, lines: bytes) -> None:
        self.names += [decode_alert(line).name for line in lines.splitlines()]


def alert(minute: int, end_reason: EndReason | None = None) -> Alert:
    received_at, state = NOON + timedelta(minutes=minute), "resolved" if end_reason else "firing"
    ends_at = received_at if end_reason else None
    return Alert(
        f"f{minute}",
        f"alert {minute}",
        state,  # type: ignore[arg-type]
        "warning",
        "P2",
        NOON,
        ends_at,
        received_at,
        end_reason=end_reason,
    )


def recalled(logged: list[Alert], left_over: list[Alert]) -> tuple[list[str], CurrentAlerts, ReceiptClock]:
    log, current, clock = Log(), CurrentAlerts(), ReceiptClock(lambda: NOON)
    recall(current, clock, log, logged, [(one, encode_alert(one)) for one in left_over])
    return log.names, current, clock


def test_what_the_end_kept_out_of_the_log_is_written_once() -> None:
    names, current, clock = recalled([alert(0), alert(1)], [alert(1), alert(2), alert(2)])
    assert names == ["alert 2"]
    assert current.firing_count == 3
    assert clock() > NOON + timedelta(minutes=2)


def test_without_a_log_every_line_is_written() -> None:
    assert recalled([], [alert(0), alert(1)])[0] == ["alert 0", "alert 1"]


def test_a_journal_that_reaches_further_back_than_the_lines_that_were_read_adds_none_of_them_again() -> None:
    names, current, _ = recalled([alert(5), alert(6)], [alert(number) for number in range(9)])
    assert names == ["alert 7", "alert 8"]
    assert current.firing_count == 9


def test_the_line_of_a_superseded_alert_does_not_tell_how_far_back_the_lines_reach() -> None:
    names, _, _ = recalled([alert(0, "superseded"), alert(6)], [alert(number) for number in range(1, 8)])
    assert names == ["alert 7"]
