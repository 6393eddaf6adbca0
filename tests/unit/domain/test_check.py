"""Settling, judging and the worst of several states."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.check import (
    CheckResult,
    CheckSpec,
    CheckState,
    Limits,
    Observation,
    as_result,
    settle,
    worst,
)

OK, WARNING, CRITICAL, UNKNOWN = CheckState.OK, CheckState.WARNING, CheckState.CRITICAL, CheckState.UNKNOWN
START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = CheckSpec("memory", "memory", "", Limits(80, 90))


@pytest.mark.parametrize(
    ("limits", "value", "expected"),
    [
        pytest.param(Limits(80, 90), 79.9, OK, id="below both"),
        pytest.param(Limits(80, 90), 80, WARNING, id="at the warning limit"),
        pytest.param(Limits(80, 90), 90, CRITICAL, id="at the critical limit"),
        pytest.param(Limits(), 1e9, OK, id="no limits"),
        pytest.param(Limits(critical=5), 5, CRITICAL, id="critical alone"),
        pytest.param(Limits(21, 7, lower_is_worse=True), 22, OK, id="falling, above both"),
        pytest.param(Limits(21, 7, lower_is_worse=True), 21, WARNING, id="falling, at the warning limit"),
        pytest.param(Limits(21, 7, lower_is_worse=True), -1, CRITICAL, id="falling, below both"),
        pytest.param(Limits(80, 90), math.nan, UNKNOWN, id="not a number"),
        pytest.param(Limits(80, 90), math.inf, CRITICAL, id="infinite"),
    ],
)
def test_limits_judge_a_value(limits: Limits, value: float, expected: CheckState) -> None:
    assert limits.judge(value) == expected


@pytest.mark.parametrize(
    ("runs_in_a_row", "raw_states", "settled_states"),
    [
        pytest.param(1, [OK, CRITICAL, OK], [OK, CRITICAL, OK], id="every run decides"),
        pytest.param(2, [CRITICAL], [CRITICAL], id="the first run decides at once"),
        pytest.param(2, [OK, CRITICAL, OK], [OK, OK, OK], id="one failure changes nothing"),
        pytest.param(2, [OK, CRITICAL, CRITICAL], [OK, OK, CRITICAL], id="two failures do"),
        pytest.param(2, [CRITICAL, OK, OK], [CRITICAL, CRITICAL, OK], id="recovery needs as many runs"),
        pytest.param(3, [OK, CRITICAL, OK, CRITICAL, CRITICAL], [OK] * 5, id="a good run starts the count anew"),
        pytest.param(2, [OK, WARNING, CRITICAL], [OK, OK, CRITICAL], id="failures that differ count together"),
        pytest.param(3, [OK, UNKNOWN, CRITICAL, UNKNOWN], [OK, OK, OK, UNKNOWN], id="silence counts as well"),
        pytest.param(2, [CRITICAL, OK, WARNING], [CRITICAL, CRITICAL, WARNING], id="half a recovery"),
    ],
)
def test_a_state_changes_after_n_runs_in_a_row(
    runs_in_a_row: int, raw_states: list[CheckState], settled_states: list[CheckState]
) -> None:
    previous: CheckResult | None = None
    seen = []
    for minute, raw in enumerate(raw_states):
        at = START + timedelta(minutes=minute)
        settled = settle(previous, raw, at, runs_in_a_row)
        previous = as_result(SPEC, Observation(raw, ""), settled, 0.1, at)
        seen.append(previous.state)
    assert seen == settled_states


def test_since_is_when_the_state_settled() -> None:
    first = as_result(SPEC, Observation(OK, ""), settle(None, OK, START, 2), 0, START)
    later = START + timedelta(minutes=1)
    second = as_result(SPEC, Observation(WARNING, ""), settle(first, WARNING, later, 2), 0, later)
    assert (second.state, second.raw_state, second.state_since) == (OK, WARNING, START)
    last = START + timedelta(minutes=2)
    assert settle(second, WARNING, last, 2).since == last


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param([], UNKNOWN, id="nothing looked at"),
        pytest.param([OK, OK], OK, id="all well"),
        pytest.param([OK, UNKNOWN], UNKNOWN, id="unknown is not well"),
        pytest.param([UNKNOWN, WARNING], WARNING, id="warning before unknown"),
        pytest.param([CRITICAL, UNKNOWN, WARNING], CRITICAL, id="critical before all"),
    ],
)
def test_worst_state(states: list[CheckState], expected: CheckState) -> None:
    assert worst(states) == expected
