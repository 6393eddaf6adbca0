"""The screen of cmctl status, without a terminal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.cli.status_screen import BAR_WIDTH, amount, bar, render, shorten, since
from controlplane.domain.alert import Alert
from controlplane.domain.check import CheckResult, CheckState
from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.domain.slo_status import ObjectiveStatus
from controlplane.domain.status import AlertmanagerAnswer, DaemonAnswer, Resource, Seen, compose

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def check(name: str, state: CheckState, message: str) -> CheckResult:
    return CheckResult(name, "disk", state, state, message, 85.0, "%", 80, 90, 0.1, NOW, NOW)


ALERT = Alert(
    "f",
    "DiskFull",
    "firing",
    "warning",
    "P2",
    NOW - timedelta(minutes=5),
    None,
    NOW,
    {},
    {"summary": "磁盘 nearly full"},
)
SEEN = Seen(
    at=NOW,
    checks=[check("disk", CheckState.WARNING, "disk 85 % used"), check("other", CheckState.OK, "fine")],
    components=[ComponentStatus("postgresql", ComponentState.RUNNING, 7, NOW - timedelta(hours=3))],
    daemon=DaemonAnswer(is_reachable=True, checks=[check("disk", CheckState.OK, "fine")], alerts=[ALERT]),
    alertmanager=AlertmanagerAnswer(is_reachable=True),
    urls={"postgresql": "http://127.0.0.1:5432"},
    stale_after_seconds=95,
)

SCREEN = """\
WARNING  1 of 1 components run, 1 of 2 checks OK, 1 alerts firing  (2026-01-01 12:00:00 UTC)

COMPONENT   STATE    PID  SINCE
postgresql  running  7    3 h    http://127.0.0.1:5432

CHECKS  1 of 2 OK
CHECK  STATE    AGE  MESSAGE
disk   WARNING  0 s  disk 85 % used (daemon: OK)

ALERTS  1 firing
PRIORITY  ALERT     SINCE  SUMMARY
P2        DiskFull  5 m    磁盘 nearly full

RESOURCE                              USED    WARNING / CRITICAL
disk      [####################....]  85.0 %  80.0 % / 90.0 %
other     [####################....]  85.0 %  80.0 % / 90.0 %

LAST BACKUP  none yet; make one with: cmctl backup create

LAST DRILL   none yet; make one with: cmctl backup drill

hint: find the cause with: cmctl diagnose"""


def test_the_whole_screen() -> None:
    assert render(compose(SEEN)) == SCREEN


def test_the_worst_objectives_have_a_line() -> None:
    missed = ObjectiveStatus("up", "api", "t", "missed", 0.5, 0.999, 0.25, -499.0, 500.0, "steady", 0.0, NOW)
    silent = replace(missed, verdict="not_enough_data", sli=None, error_budget_remaining=None, burn_rate=None)
    objectives = [missed, *(replace(silent, name=f"o{number}") for number in range(5))]
    screen = render(compose(replace(SEEN, daemon=replace(SEEN.daemon, objectives=objectives))))
    assert "OBJECTIVES  0 of 6 met\n" in screen
    assert "up         missed           50.000 %  25.0 %    -49900.0 %   500.00     0 s" in screen
    assert "o1         not enough data  -         25.0 %    -            -          0 s" in screen
    assert "1 more: cmctl slo status" in screen


def test_all_checks_on_demand() -> None:
    assert "other  OK" in render(compose(SEEN), show_all=True)


def test_a_stopped_stack_does_not_list_what_follows_from_it() -> None:
    stopped = replace(SEEN, components=[ComponentStatus("postgresql", ComponentState.STOPPED)])
    screen = render(compose(stopped))
    assert "the stack is stopped" in screen
    assert "only --all lists them" in screen
    assert "hint: start it with: cmctl up" in screen


def test_a_daemon_that_is_gone_or_stale_is_said() -> None:
    gone = replace(SEEN, daemon=DaemonAnswer(is_reachable=False, problem="connection refused"))
    assert "the control plane daemon is not believed: connection refused" in render(compose(gone))
    old = replace(check("disk", CheckState.OK, "fine"), checked_at=NOW - timedelta(hours=1))
    stale = replace(SEEN, daemon=DaemonAnswer(is_reachable=True, checks=[old]))
    assert "its newest check is 3600 s old" in render(compose(stale))


def test_alerts_that_nobody_knows() -> None:
    silent = AlertmanagerAnswer(is_reachable=False)
    unknown = replace(SEEN, daemon=DaemonAnswer(is_reachable=False, problem="x"), alertmanager=silent)
    assert "ALERTS  not known" in render(compose(unknown))


@pytest.mark.parametrize(
    ("resource", "filled"),
    [
        pytest.param(Resource("r", CheckState.OK, 0, "%", 80, 90), 0, id="empty"),
        pytest.param(Resource("r", CheckState.OK, 50, "%", 80, 90), BAR_WIDTH // 2, id="half"),
        pytest.param(Resource("r", CheckState.CRITICAL, 250, "%", 80, 90), BAR_WIDTH, id="beyond the end"),
        pytest.param(Resource("r", CheckState.CRITICAL, 20, "s", 5, 10), BAR_WIDTH, id="twice the critical limit"),
        pytest.param(Resource("r", CheckState.OK, 0, "s", None, None), 0, id="no limits, no value"),
    ],
)
def test_bar(resource: Resource, filled: int) -> None:
    assert bar(resource) == "[" + "#" * filled + "." * (BAR_WIDTH - filled) + "]"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(85, "%", "85.0 %"), (7_830_000, "B", "7.83 MB"), (0.012, "s", "12 ms"), (12.5, "s", "12.5 s"), (3, "", "3.0")],
)
def test_amount(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (61, "1 m"), (7300, "2 h"), (200_000, "2 d"), (-5, "0 s")])
def test_since(seconds: int, text: str) -> None:
    assert since(NOW - timedelta(seconds=seconds), NOW) == text


def test_shorten_counts_columns() -> None:
    assert shorten("短 消息\n很长", 6) == "短 消…"
    assert shorten("short", 6) == "short"
