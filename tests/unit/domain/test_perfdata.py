"""The line that monitoring systems read."""

from datetime import UTC, datetime

import pytest

from controlplane.domain.check import CheckResult, CheckSpec, CheckState, Limits
from controlplane.domain.perfdata import perfdata, plugin_line

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def result(
    name: str = "disk",
    state: CheckState = CheckState.OK,
    value: float | None = None,
    unit: str = "",
    warning: float | None = None,
    critical: float | None = None,
) -> CheckResult:
    return CheckResult(name, "disk", state, state, "m", value, unit, warning, critical, 0.1, NOW, NOW)


@pytest.mark.parametrize(
    ("checked", "is_lower_worse", "expected"),
    [
        pytest.param(result(value=41.5, unit="%", warning=80, critical=90), False, "disk=41.5%;80;90", id="percent"),
        pytest.param(result(value=0.25, unit="s"), False, "disk=0.25s", id="no limits"),
        pytest.param(result(value=30, unit="d", warning=21, critical=7), True, "disk=30;21:;7:", id="range from below"),
        pytest.param(result(value=2e9, unit="B", critical=3e9), False, "disk=2000000000B;;3000000000", id="bytes"),
    ],
)
def test_perfdata(checked: CheckResult, is_lower_worse: bool, expected: str) -> None:
    assert perfdata(checked, is_lower_worse) == expected


def test_line_of_a_healthy_stack() -> None:
    assert plugin_line([result(value=1, unit="%")], []) == "CLAUDE-MEMORY OK - all 1 checks OK | disk=1%"


def test_line_names_the_worst_first_and_not_everything() -> None:
    results = [result(f"check{number}", CheckState.WARNING) for number in range(6)]
    results.append(result("worst", CheckState.CRITICAL))
    line = plugin_line(results, [])
    assert line.startswith("CLAUDE-MEMORY CRITICAL - 7 of 7 checks not OK: worst CRITICAL, check0 WARNING")
    assert line.endswith("and 2 more")


def test_limits_that_values_fall_to_are_found_by_definition() -> None:
    spec = CheckSpec("tls", "certificate", "h:1", Limits(21, 7, lower_is_worse=True))
    assert plugin_line([result("tls", value=30, warning=21, critical=7)], [spec]).endswith("| tls=30;21:;7:")
