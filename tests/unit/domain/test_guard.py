"""When this machine is the problem, targets are not accused."""

import pytest

from controlplane.domain.check import CheckSpec, CheckState, Observation
from controlplane.domain.guard import HostFacts, excuse, guard

FINE = Observation(CheckState.OK, "fine")
REFUSED = Observation(CheckState.CRITICAL, "connection refused")
SILENT = Observation(CheckState.UNKNOWN, "no answer within 5 s", timed_out=True)

LOCAL = CheckSpec("local", "tcp", "127.0.0.1:1", host="127.0.0.1")
REMOTE = CheckSpec("remote", "tcp", "db.example:1", host="db.example")
DISK = CheckSpec("disk", "disk", "/")
QUERY = CheckSpec("query", "prometheus_query", "up", host="127.0.0.1")

NO_LOOPBACK = HostFacts(loopback_works=False)
NO_ROUTE = HostFacts(unreachable={"db.example": "this machine has no route to db.example"})
JUMPED = HostFacts(clock_step_seconds=-3600)
SLEPT = HostFacts(suspended_seconds=600)


@pytest.mark.parametrize(
    ("spec", "observation", "facts", "lag_seconds", "expected"),
    [
        pytest.param(LOCAL, REFUSED, HostFacts(), 0, None, id="a healthy machine excuses nothing"),
        pytest.param(LOCAL, REFUSED, NO_LOOPBACK, 0, "loopback", id="no loopback"),
        pytest.param(REMOTE, REFUSED, NO_LOOPBACK, 0, None, id="no loopback does not excuse remote targets"),
        pytest.param(REMOTE, REFUSED, NO_ROUTE, 0, "no route", id="no route"),
        pytest.param(LOCAL, REFUSED, NO_ROUTE, 0, None, id="no route does not excuse local targets"),
        pytest.param(DISK, REFUSED, NO_LOOPBACK, 0, None, id="what needs no network has no excuse"),
        pytest.param(REMOTE, FINE, NO_ROUTE, 0, None, id="what answers is believed"),
        pytest.param(QUERY, FINE, JUMPED, 0, "jumped by -3600 s", id="a clock step makes times worthless"),
        pytest.param(LOCAL, REFUSED, JUMPED, 0, None, id="a refusal needs no clock"),
        pytest.param(QUERY, FINE, SLEPT, 0, "slept for 600 s", id="a suspended machine"),
        pytest.param(QUERY, FINE, HostFacts(clock_step_seconds=0.4), 0, None, id="slewing is ordinary"),
        pytest.param(LOCAL, SILENT, HostFacts(), 3, "did not get to run for 3.0 s", id="starved while waiting"),
        pytest.param(LOCAL, SILENT, HostFacts(), 0.1, None, id="a short delay is no excuse"),
        pytest.param(LOCAL, REFUSED, HostFacts(), 3, None, id="starvation does not excuse a refusal"),
    ],
)
def test_excuse(
    spec: CheckSpec, observation: Observation, facts: HostFacts, lag_seconds: float, expected: str | None
) -> None:
    found = excuse(spec, observation, facts, lag_seconds)
    assert (found is None) == (expected is None)
    assert expected is None or (found is not None and expected in found)


def test_an_excused_result_is_unknown_and_says_what_was_seen() -> None:
    guarded = guard({"remote": (REMOTE, REFUSED), "disk": (DISK, FINE)}, NO_ROUTE)
    assert guarded["remote"].state == CheckState.UNKNOWN
    assert guarded["remote"].message == "this machine has no route to db.example (seen: connection refused)"
    assert guarded["disk"] == FINE


@pytest.mark.parametrize(
    ("silent_hosts", "other", "is_excused"),
    [
        pytest.param(3, None, True, id="all of three silent"),
        pytest.param(2, None, False, id="two may be a coincidence"),
        pytest.param(3, FINE, False, id="one that answers proves the network"),
        pytest.param(3, REFUSED, False, id="so does one that refuses"),
    ],
)
def test_silence_of_all_remote_hosts_is_ours(silent_hosts: int, other: Observation | None, is_excused: bool) -> None:
    observed = {
        f"remote{number}": (CheckSpec(f"remote{number}", "tcp", "", host=f"host{number}"), SILENT)
        for number in range(silent_hosts)
    }
    if other is not None:
        observed["other"] = (CheckSpec("other", "tcp", "", host="other"), other)
    assert ("suspected" in guard(observed, HostFacts())["remote0"].message) == is_excused
