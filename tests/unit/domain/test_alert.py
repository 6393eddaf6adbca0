"""Identity, state and order of alerts."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.alert import (
    REOPEN_AFTER,
    Alert,
    AlertCursor,
    AlertFilter,
    Sightings,
    label_fingerprint,
    priority_of,
    select,
    settle,
)

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


def alert(fingerprint: str = "a", minutes: int = 0, **fields: object) -> Alert:
    values = {
        "fingerprint": fingerprint,
        "name": "X",
        "state": "firing",
        "severity": "warning",
        "priority": "P2",
        "starts_at": NOW + timedelta(minutes=minutes),
        "ends_at": None,
        "received_at": NOW,
        **fields,
    }
    return Alert(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        # the values of prometheus/common model/signature_test.go, in hexadecimal
        ({}, f"{14695981039346656037:016x}"),
        ({"name": "garland, briggs", "fear": "love is not enough"}, f"{5799056148416392346:016x}"),
    ],
)
def test_fingerprint_is_the_one_that_prometheus_computes(labels: dict[str, str], expected: str) -> None:
    assert label_fingerprint(labels) == expected


def test_fingerprint_orders_names_by_their_bytes() -> None:
    assert label_fingerprint({"b": "1", "a": "2", "é": "3"}) == label_fingerprint({"é": "3", "a": "2", "b": "1"})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"priority": "p1", "severity": "info"}, "P1"),
        ({"severity": "critical"}, "P0"),
        ({"severity": "Warning"}, "P2"),
        ({"priority": "urgent", "severity": "error"}, "P1"),
        ({"severity": "unheard of"}, "P3"),
        ({}, "P3"),
    ],
)
def test_priority_comes_from_its_label_then_from_the_severity(labels: dict[str, str], expected: str) -> None:
    assert priority_of(labels) == expected


@pytest.mark.parametrize(
    ("case", "firing_after_seconds", "resolved_after_seconds", "expected"),
    [
        ("firing only", 0, None, "firing"),
        ("resolved only", None, 0, "resolved"),
        ("firing, then resolved", 0, 60, "resolved"),
        ("resolved, then a late firing", 30, 0, "resolved"),
        ("both at once", 0, 0, "resolved"),
        ("firing at the end of the grace", REOPEN_AFTER.total_seconds(), 0, "resolved"),
        ("firing long after resolved", REOPEN_AFTER.total_seconds() + 1, 0, "firing"),
    ],
)
def test_state_depends_on_when_each_was_seen(
    case: str, firing_after_seconds: float | None, resolved_after_seconds: float | None, expected: str
) -> None:
    firing, resolved = (
        None if after is None else NOW + timedelta(seconds=after)
        for after in (firing_after_seconds, resolved_after_seconds)
    )
    end = NOW if resolved else None
    expected_end = (NOW, "notified") if expected == "resolved" else (None, None)
    seen = Sightings(NOW, firing_seen_at=firing, resolved_seen_at=resolved, notified_end=end)
    assert settle(seen) == (expected, *expected_end), case


def minutes(after: float) -> datetime:
    return NOW + timedelta(minutes=after)


@pytest.mark.parametrize(
    ("case", "seen", "newer", "expected"),
    [
        (
            "a newer episode ends it when that one began",
            Sightings(NOW, firing_seen_at=NOW),
            [(minutes(10), minutes(11))],
            ("resolved", minutes(10), "superseded"),
        ),
        (
            "the next of several newer ones",
            Sightings(NOW, firing_seen_at=NOW),
            [(minutes(20), minutes(21)), (minutes(10), minutes(30))],
            ("resolved", minutes(10), "superseded"),
        ),
        (
            "what Alertmanager itself said of the end counts more",
            Sightings(NOW, firing_seen_at=NOW, resolved_seen_at=minutes(40), notified_end=minutes(9)),
            [(minutes(10), minutes(11))],
            ("resolved", minutes(9), "notified"),
        ),
        (
            "seen firing long after the newer one was heard of, it fires",
            Sightings(NOW, firing_seen_at=minutes(17)),
            [(minutes(10), minutes(11))],
            ("firing", None, None),
        ),
        (
            "unknown to Alertmanager",
            Sightings(NOW, firing_seen_at=NOW, stale_seen_at=minutes(6), stale_end=minutes(1)),
            [],
            ("resolved", minutes(1), "stale"),
        ),
        (
            "heard of again, it fires at once: that it was over was no more than a guess",
            Sightings(NOW, firing_seen_at=minutes(7), stale_seen_at=minutes(6), stale_end=minutes(1)),
            [],
            ("firing", None, None),
        ),
    ],
)
def test_an_alert_whose_end_nobody_told(
    case: str, seen: Sightings, newer: list[tuple[datetime, datetime]], expected: tuple[object, ...]
) -> None:
    assert settle(seen, newer) == expected, case


def test_select_puts_firing_first_and_the_newest_start_first() -> None:
    ended = {"state": "resolved", "ends_at": NOW}
    found = select([alert("a", 1), alert("b", 9, **ended), alert("c", 5), alert("d", 2, **ended)], AlertFilter())
    assert [item.fingerprint for item in found] == ["c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (AlertFilter(), ["c", "b", "a"]),
        (AlertFilter(limit=2), ["c", "b"]),
        (AlertFilter(severity="critical"), ["b"]),
        (AlertFilter(labels={"job": "x"}), ["c"]),
        (AlertFilter(labels={"job": "x", "more": "y"}), []),
        (AlertFilter(fingerprint="a"), ["a"]),
        (AlertFilter(state="resolved"), []),
        (AlertFilter(since=NOW + timedelta(seconds=1)), []),
        (AlertFilter(since=NOW), ["c", "b", "a"]),
        (AlertFilter(after=AlertCursor("firing", NOW + timedelta(minutes=2), "b")), ["a"]),
    ],
)
def test_select_keeps_what_is_wanted(wanted: AlertFilter, expected: list[str]) -> None:
    alerts = [alert("a", 1), alert("b", 2, severity="critical"), alert("c", 3, labels={"job": "x"})]
    assert [item.fingerprint for item in select(alerts, wanted)] == expected
