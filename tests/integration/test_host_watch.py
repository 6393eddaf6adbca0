"""The guard's view of this machine: real loopback, real routes, injected clocks."""

import pytest

from controlplane.adapters.host import ClockReading, LinuxHostWatch, clock_moves, loopback_works, way_problem


async def test_this_machine_is_well() -> None:
    watch = LinuxHostWatch()
    for _ in range(2):
        facts = await watch.facts({"127.0.0.1", "localhost"})
        assert facts.loopback_works
        assert facts.unreachable == {}
        assert abs(facts.clock_step_seconds) < 1
        assert facts.suspended_seconds < 1


async def test_loopback_works() -> None:
    assert await loopback_works()


async def test_an_address_without_a_route() -> None:
    # Class E addresses are never routed: Linux refuses them before sending anything.
    assert await way_problem("255.255.255.255") == "this machine has no route to 255.255.255.255"


async def test_an_address_with_a_route() -> None:
    assert await way_problem("127.0.0.2") is None


@pytest.mark.parametrize(
    ("now", "step", "suspended"),
    [
        pytest.param(ClockReading(130, 60, 60), 0, 0, id="half a minute later"),
        pytest.param(ClockReading(3730, 60, 60), 3600, 0, id="set forward"),
        pytest.param(ClockReading(30, 60, 60), -100, 0, id="set back"),
        pytest.param(ClockReading(730, 660, 60), 0, 600, id="slept"),
    ],
)
def test_clock_moves(now: ClockReading, step: float, suspended: float) -> None:
    assert clock_moves(ClockReading(100, 30, 30), now) == (step, suspended)
