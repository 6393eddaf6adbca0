"""Health checks: what is measured, what was observed, what state that means, when a state changes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum


class CheckState(IntEnum):
    """Monitoring-plugins states; the value is the exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3

    @property
    def badness(self) -> int:
        """Order for the worst of several: OK < UNKNOWN < WARNING < CRITICAL."""
        return {"OK": 0, "UNKNOWN": 1, "WARNING": 2, "CRITICAL": 3}[self.name]


def worst(states: "list[CheckState]") -> CheckState:
    """The state of a whole; UNKNOWN for an empty list, since nothing was looked at."""
    return max(states, key=lambda state: state.badness) if states else CheckState.UNKNOWN


@dataclass(frozen=True)
class Limits:
    """Where a value becomes WARNING and CRITICAL; a limit belongs to the worse side. None means no such limit."""

    warning: float | None = None
    critical: float | None = None
    lower_is_worse: bool = False

    def judge(self, value: float) -> CheckState:
        """State of a value; UNKNOWN for NaN, which compares with nothing."""
        if math.isnan(value):
            return CheckState.UNKNOWN
        if self._reached(value, self.critical):
            return CheckState.CRITICAL
        return CheckState.WARNING if self._reached(value, self.warning) else CheckState.OK

    def _reached(self, value: float, limit: float | None) -> bool:
        if limit is None:
            return False
        return value <= limit if self.lower_is_worse else value >= limit


@dataclass(frozen=True)
class CheckSpec:
    """One check, ready to run.

    ``target`` is what the kind measures. ``host`` is the network host that the
    answer depends on, None for what is looked at on this machine without the
    network. ``options`` are the settings that only some kinds take.
    """

    name: str
    kind: str
    target: str
    limits: Limits = Limits()
    timeout_seconds: float = 5.0
    failures_before_change: int = 1
    host: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """What a probe saw: a state, a sentence, and a value with its unit where there is one."""

    state: CheckState
    message: str
    value: float | None = None
    unit: str = ""
    timed_out: bool = False


@dataclass(frozen=True)
class CheckResult:
    """One run of one check. ``state`` is the settled state, ``raw_state`` that of this run alone.

    ``streak`` counts the runs in a row, this one included, whose own state was not the settled one.
    """

    name: str
    kind: str
    state: CheckState
    raw_state: CheckState
    message: str
    value: float | None
    unit: str
    warning: float | None
    critical: float | None
    duration_seconds: float
    checked_at: datetime
    state_since: datetime
    streak: int = 0


@dataclass(frozen=True)
class Settled:
    """The state a check is in after a run, since when, and how many runs in a row spoke against it."""

    state: CheckState
    since: datetime
    streak: int


def settle(previous: CheckResult | None, raw_state: CheckState, at: datetime, failures_before_change: int) -> Settled:
    """Decide the state of a check after a run.

    The state changes to that of the latest run once ``failures_before_change``
    runs in a row spoke against it; that they also differ among themselves
    (WARNING, CRITICAL, WARNING …) must not keep a check green. The first run
    of all decides at once, because there is no state to hold on to.
    """
    if previous is None:
        return Settled(raw_state, at, 0)
    if raw_state == previous.state:
        return Settled(previous.state, previous.state_since, 0)
    streak = previous.streak + 1
    if streak >= failures_before_change:
        return Settled(raw_state, at, 0)
    return Settled(previous.state, previous.state_since, streak)


def as_result(
    spec: CheckSpec, observation: Observation, settled: Settled, duration_seconds: float, at: datetime
) -> CheckResult:
    """Put together what is reported and kept of one run."""
    return CheckResult(
        name=spec.name,
        kind=spec.kind,
        state=settled.state,
        raw_state=observation.state,
        message=observation.message,
        value=observation.value,
        unit=observation.unit,
        warning=spec.limits.warning,
        critical=spec.limits.critical,
        duration_seconds=duration_seconds,
        checked_at=at,
        state_since=settled.since,
        streak=settled.streak,
    )
