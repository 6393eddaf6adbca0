"""Whether a remedy may be tried."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.domain.alert import Alert
from controlplane.domain.remediation import Attempt, Remedy, decide, remedy_of
from controlplane.domain.slo.selector import Matcher

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HEARD = NOW - timedelta(minutes=10)
REMEDY = Remedy(
    name="restart",
    matchers=(Matcher("service", "=", "db"),),
    deed="restart db",
    dry_run=False,
    wait=timedelta(minutes=1),
    max_attempts=2,
    window=timedelta(hours=24),
    cooldown=timedelta(minutes=15),
    timeout=timedelta(minutes=5),
)


def alert(**fields: Any) -> Alert:
    return Alert("f", "X", "firing", "critical", "P0", HEARD, None, NOW, **{"labels": {"service": "db"}, **fields})


def attempt(minutes_ago: float, outcome: Any = "failed", fingerprint: str = "f", remedy: str = "restart") -> Attempt:
    at = NOW - timedelta(minutes=minutes_ago)
    return Attempt(1, remedy, fingerprint, "X", None, "", outcome, "", at, None if outcome == "running" else at)


@pytest.mark.parametrize(
    ("name", "attempts", "heard_minutes_ago", "fields", "decision"),
    [
        ("nothing was tried", [], 10, {}, "try"),
        ("it has just begun", [], 0.5, {}, "wait"),
        ("somebody has it", [], 10, {"acknowledged_by": "ann"}, "wait"),
        ("it is being tried", [attempt(500, "running")], 10, {}, "wait"),
        ("it is being tried for another alert", [attempt(1, "running", "other")], 10, {}, "wait"),
        ("another remedy is being tried", [attempt(1, "running", remedy="other")], 10, {}, "try"),
        ("it was tried of late", [attempt(14)], 10, {}, "wait"),
        ("it was tried of late for another alert", [attempt(14, fingerprint="other")], 10, {}, "wait"),
        ("it was tried a while ago", [attempt(16)], 10, {}, "try"),
        ("it was tried often enough", [attempt(16), attempt(60)], 10, {}, "given_up"),
        ("it succeeded and fires again", [attempt(16, "succeeded"), attempt(60, "succeeded")], 10, {}, "given_up"),
        ("an interrupted attempt counts", [attempt(16, "interrupted"), attempt(60)], 10, {}, "given_up"),
        ("a dry run counts", [attempt(16, "would_run"), attempt(60, "would_run")], 10, {}, "given_up"),
        ("attempts of the day before do not", [attempt(16), attempt(25 * 60)], 10, {}, "try"),
        ("attempts for others do not", [attempt(16, fingerprint="x"), attempt(60, fingerprint="x")], 10, {}, "try"),
    ],
)
def test_decide(
    name: str, attempts: list[Attempt], heard_minutes_ago: float, fields: dict[str, Any], decision: str
) -> None:
    heard = NOW - timedelta(minutes=heard_minutes_ago)
    assert decide(REMEDY, alert(**fields), attempts, heard, NOW) == decision, name


def test_the_first_remedy_that_fits_is_for_an_alert() -> None:
    assert remedy_of(alert(), [REMEDY]) is REMEDY
    assert remedy_of(alert(labels={"service": "web"}), [REMEDY]) is None
