"""What is not known, stopped or stale never looks well."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.alert import Alert
from controlplane.domain.check import CheckResult, CheckState
from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.domain.status import AlertmanagerAnswer, DaemonAnswer, Seen, compose

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SILENT = AlertmanagerAnswer(is_reachable=False, problem="connection refused")
GONE = DaemonAnswer(is_reachable=False, problem="connection refused")


def check(
    name: str = "disk", state: CheckState = CheckState.OK, age_seconds: float = 0, kind: str = "disk"
) -> CheckResult:
    at = NOW - timedelta(seconds=age_seconds)
    return CheckResult(name, kind, state, state, "seen", 40.0, "%", 80, 90, 0.1, at, at)


def alert(fingerprint: str, severity: str = "critical", priority: str = "P0") -> Alert:
    labels = {"alertname": "A", "severity": severity}
    return Alert(fingerprint, "A", "firing", severity, priority, NOW, None, NOW, labels, {"summary": "s"})  # type: ignore[arg-type]


def components(state: ComponentState = ComponentState.RUNNING) -> list[ComponentStatus]:
    return [ComponentStatus("postgresql", state, 1), ComponentStatus("prometheus", state, 2)]


def seen(
    checks: Sequence[CheckResult] = (),
    parts: Sequence[ComponentStatus] | None = (),
    daemon: DaemonAnswer | None = None,
    alertmanager: AlertmanagerAnswer | None = None,
) -> Seen:
    return Seen(
        NOW,
        checks or [check()],
        components() if parts == () else parts,
        daemon or DaemonAnswer(is_reachable=True, checks=[check()]),
        alertmanager or AlertmanagerAnswer(is_reachable=True),
        {},
        95,
    )


FIRING = DaemonAnswer(is_reachable=True, checks=[check()], alerts=[alert("a")])
WARNING_FIRES = DaemonAnswer(is_reachable=True, checks=[check()], alerts=[alert("a", "warning")])
INFO_FIRES = DaemonAnswer(is_reachable=True, checks=[check()], alerts=[alert("a", "info")])
ODD_FIRES = DaemonAnswer(is_reachable=True, checks=[check()], alerts=[alert("a", "")])
STALE = DaemonAnswer(is_reachable=True, checks=[check(age_seconds=96)])
UNHEARD = AlertmanagerAnswer(is_reachable=True, alerts=[alert("b")])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(seen(), CheckState.OK, id="all well"),
        pytest.param(seen([check(state=CheckState.WARNING)]), CheckState.WARNING, id="a check warns"),
        pytest.param(seen(parts=components(ComponentState.STOPPED)), CheckState.CRITICAL, id="stopped"),
        pytest.param(seen(parts=components(ComponentState.STARTING)), CheckState.WARNING, id="starting"),
        pytest.param(seen(parts=None), CheckState.UNKNOWN, id="no service manager"),
        pytest.param(seen(daemon=FIRING), CheckState.CRITICAL, id="a critical alert fires"),
        pytest.param(seen(daemon=WARNING_FIRES), CheckState.WARNING, id="a warning alert fires"),
        pytest.param(seen(daemon=INFO_FIRES), CheckState.OK, id="an informative alert fires"),
        pytest.param(seen(daemon=ODD_FIRES), CheckState.WARNING, id="an alert without severity fires"),
        pytest.param(seen(alertmanager=UNHEARD), CheckState.CRITICAL, id="an alert only Alertmanager knows"),
        pytest.param(seen(daemon=STALE), CheckState.WARNING, id="the daemon has stopped checking"),
        pytest.param(seen(daemon=GONE, alertmanager=SILENT), CheckState.UNKNOWN, id="nobody knows the alerts"),
        pytest.param(seen(daemon=GONE), CheckState.OK, id="Alertmanager knows the alerts"),
    ],
)
def test_overall_state(found: Seen, expected: CheckState) -> None:
    assert compose(found).state == expected


def test_a_stopped_stack_says_how_to_start_it() -> None:
    report = compose(seen(parts=components(ComponentState.STOPPED)))
    assert report.summary == "the stack is stopped"
    assert report.hints == ("start it with: cmctl up",)


def test_what_was_just_seen_beats_what_the_daemon_said() -> None:
    daemon = DaemonAnswer(is_reachable=True, checks=[check(state=CheckState.OK, age_seconds=20)])
    shown = compose(seen([check(state=CheckState.CRITICAL)], daemon=daemon)).checks[0]
    assert (shown.state, shown.daemon_state, shown.age_seconds) == (CheckState.CRITICAL, CheckState.OK, 0)


def test_the_daemon_knows_best_what_it_may_write() -> None:
    told = check("alerts_log", CheckState.CRITICAL, 20, "writable")
    direct = check("alerts_log", CheckState.OK, 0, "writable")
    fresh = compose(seen([direct], daemon=DaemonAnswer(is_reachable=True, checks=[told]))).checks[0]
    assert (fresh.state, fresh.age_seconds) == (CheckState.CRITICAL, 20)
    old = replace(told, checked_at=NOW - timedelta(hours=1))
    assert (
        compose(seen([direct], daemon=DaemonAnswer(is_reachable=True, checks=[old]))).checks[0].state == CheckState.OK
    )


def test_alerts_of_both_are_joined_and_sorted_by_priority() -> None:
    daemon = DaemonAnswer(is_reachable=True, checks=[check()], alerts=[alert("a", "warning", "P2"), alert("b")])
    report = compose(seen(daemon=daemon, alertmanager=AlertmanagerAnswer(True, alerts=[alert("b"), alert("c")])))
    assert [(item.fingerprint, item.source) for item in report.alerts] == [
        ("b", "controlplane"),
        ("c", "alertmanager"),
        ("a", "controlplane"),
    ]


def test_resources_are_the_checks_that_measure_some() -> None:
    report = compose(seen([check(), check("postgresql", kind="postgres")]))
    assert [resource.name for resource in report.resources] == ["disk"]


def test_no_backup_is_invented() -> None:
    backup = compose(seen()).backup
    assert (backup.state, backup.created_at) == ("none", None)
