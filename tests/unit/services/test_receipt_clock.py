"""Receipts keep their order whatever the machine's clock does."""

from datetime import UTC, datetime, timedelta

from controlplane.services.ingest import ReceiptClock

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def test_a_clock_that_steps_back_does_not_turn_the_order_of_receipts_round() -> None:
    times = iter([NOON, NOON - timedelta(hours=1), NOON - timedelta(minutes=59), NOON + timedelta(seconds=1)])
    clock = ReceiptClock(lambda: next(times))
    receipts = [clock() for _ in range(4)]
    assert receipts == sorted(set(receipts))
    assert receipts[2] - receipts[0] < timedelta(seconds=1)
    assert receipts[3] == NOON + timedelta(seconds=1)


def test_a_restart_after_the_step_goes_on_behind_the_last_receipt() -> None:
    clock = ReceiptClock(lambda: NOON - timedelta(hours=1))
    clock.not_before(NOON)
    assert clock() > NOON
