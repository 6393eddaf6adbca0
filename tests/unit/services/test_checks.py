"""The engine: everything at once, nothing waits for a hanging probe, results survive a store that is down."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.domain.check import CheckResult, CheckSpec, CheckState, Limits, Observation
from controlplane.domain.guard import HostFacts
from controlplane.errors import CmctlError, DependencyUnreachable, UsageProblem
from controlplane.services.checks import CheckEngine, observe_within
from controlplane.services.ports import Probe

START = datetime(2026, 1, 1, tzinfo=UTC)
FINE = Observation(CheckState.OK, "fine", 1.0, "s")
REFUSED = Observation(CheckState.CRITICAL, "connection refused")


class Scripted:
    """Gives one observation after the other, the last one for ever."""

    def __init__(self, *observations: Observation | Exception) -> None:
        self._observations = list(observations)

    async def observe(self) -> Observation:
        seen = self._observations.pop(0) if len(self._observations) > 1 else self._observations[0]
        if isinstance(seen, Exception):
            raise seen
        return seen


class Hanging:
    """Never answers; refuses even to be cancelled for as long as it can."""

    def __init__(self) -> None:
        self.was_cancelled = asyncio.Event()
        self.may_end = asyncio.Event()

    async def observe(self) -> Observation:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            await self.may_end.wait()
        return FINE


class Together:
    """Answers only when all of a group are being looked at at the same time."""

    def __init__(self, barrier: asyncio.Barrier) -> None:
        self._barrier = barrier

    async def observe(self) -> Observation:
        await self._barrier.wait()
        return FINE


class MemoryStore:
    """A CheckStore that can be down."""

    def __init__(self, latest: Sequence[CheckResult] = ()) -> None:
        self.latest = list(latest)
        self.saved: list[CheckResult] = []
        self.is_down = False

    async def save_results(self, results: Sequence[CheckResult]) -> None:
        self._check()
        self.saved.extend(results)

    async def latest_results(self) -> list[CheckResult]:
        self._check()
        return self.latest

    async def history(self, name: str, since: datetime) -> list[CheckResult]:
        return [result for result in self.saved if result.name == name and result.checked_at >= since]

    def _check(self) -> None:
        if self.is_down:
            raise DependencyUnreachable("PostgreSQL does not answer")


class Facts:
    """A HostWatch with a fixed answer."""

    def __init__(self, facts: HostFacts) -> None:
        self._facts = facts
        self.asked: set[str] = set()

    async def facts(self, hosts: Iterable[str]) -> HostFacts:
        self.asked = set(hosts)
        return self._facts


def spec(name: str, timeout_seconds: float = 30, failures: int = 1, host: str | None = None) -> CheckSpec:
    return CheckSpec(name, "tcp", "t", Limits(80, 90), timeout_seconds, failures, host)


def minutes() -> Callable[[], datetime]:
    """A clock that goes on by a minute each time it is read."""
    passed = iter(range(10_000))
    return lambda: START + timedelta(minutes=next(passed))


def engine(specs: Sequence[CheckSpec], probes: dict[str, Probe], store: MemoryStore | None = None) -> CheckEngine:
    return CheckEngine(specs, probes, store, clock=minutes())


async def test_all_checks_run_at_the_same_time() -> None:
    names = [f"check{number}" for number in range(30)]
    barrier = asyncio.Barrier(len(names))
    results = await engine([spec(name) for name in names], {name: Together(barrier) for name in names}).run_all()
    assert [result.name for result in results] == names
    assert {result.state for result in results} == {CheckState.OK}


async def test_a_hanging_probe_delays_nobody_and_is_unknown() -> None:
    hanging = Hanging()
    checks = engine([spec("hangs", 0.01), spec("fine")], {"hangs": hanging, "fine": Scripted(FINE)})
    hangs, fine = await checks.run_all()
    assert (hangs.state, hangs.message) == (CheckState.UNKNOWN, "no answer within 0.01 s")
    assert fine.state == CheckState.OK
    await hanging.was_cancelled.wait()
    hanging.may_end.set()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(CmctlError("cannot be judged"), "cannot be judged", id="a problem of ours"),
        pytest.param(KeyError("x"), "the check itself failed: KeyError: 'x'", id="a bug"),
    ],
)
async def test_a_probe_that_fails_is_unknown(error: Exception, message: str) -> None:
    observed = await observe_within(Scripted(error), 30)
    assert (observed.state, observed.message) == (CheckState.UNKNOWN, message)


async def test_a_state_changes_after_the_configured_number_of_failures() -> None:
    probe = Scripted(FINE, REFUSED, REFUSED, FINE)
    checks = engine([spec("c", failures=2)], {"c": probe})
    states = [(await checks.run_all())[0].state for _ in range(5)]
    assert states == [CheckState.OK, CheckState.OK, CheckState.CRITICAL, CheckState.CRITICAL, CheckState.OK]


async def test_the_guard_speaks_before_the_state_settles() -> None:
    watch = Facts(HostFacts(loopback_works=False))
    checks = CheckEngine([spec("c", host="127.0.0.1")], {"c": Scripted(REFUSED)}, host_watch=watch)
    result = (await checks.run_all())[0]
    assert (result.state, watch.asked) == (CheckState.UNKNOWN, {"127.0.0.1"})
    assert "loopback" in result.message


async def test_states_are_restored_from_the_store() -> None:
    first = engine([spec("c", failures=2)], {"c": Scripted(REFUSED)})
    before = await first.run_all()
    store = MemoryStore(before)
    again = engine([spec("c", failures=2)], {"c": Scripted(FINE)}, store)
    result = (await again.run_all())[0]
    assert (result.state, result.state_since) == (CheckState.CRITICAL, before[0].state_since)


async def test_results_of_checks_that_no_longer_exist_are_not_restored() -> None:
    gone = await engine([spec("gone")], {"gone": Scripted(FINE)}).run_all()
    checks = engine([spec("c")], {"c": Scripted(FINE)}, MemoryStore(gone))
    await checks.run_all()
    assert [result.name for result in checks.latest()] == ["c"]


async def test_results_wait_while_the_store_is_down() -> None:
    store = MemoryStore()
    checks = engine([spec("c")], {"c": Scripted(FINE)}, store)
    store.is_down = True
    waiting = [(await checks.run_all())[0] for _ in range(3)]
    assert store.saved == []
    store.is_down = False
    last = (await checks.run_all())[0]
    assert store.saved == [*waiting, last]
    assert checks.latest() == [last]


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.services.checks.BUFFERED_RESULTS", 2)
    store = MemoryStore()
    store.is_down = True
    checks = engine([spec("c")], {"c": Scripted(FINE)}, store)
    results = [(await checks.run_all())[0] for _ in range(4)]
    store.is_down = False
    last = (await checks.run_all())[0]
    assert store.saved == [results[-1], last]


async def test_named_checks_only() -> None:
    checks = engine([spec("a"), spec("b")], {"a": Scripted(FINE), "b": Scripted(FINE)})
    assert [result.name for result in await checks.run(["b"])] == ["b"]
    with pytest.raises(UsageProblem, match="no such check: c"):
        await checks.run(["c"])


@pytest.mark.parametrize(
    ("specs", "probes", "problem"),
    [
        pytest.param([spec("a")], {}, "without a probe: a", id="no probe"),
        pytest.param([spec("a"), spec("a")], {"a": Scripted(FINE)}, "same name", id="a name twice"),
    ],
)
def test_the_constructor_refuses_nonsense(specs: list[CheckSpec], probes: dict[str, Probe], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        CheckEngine(specs, probes)


def test_a_probe_that_hangs_in_a_thread_does_not_keep_the_program_alive() -> None:
    from controlplane.adapters.threads import ThreadSlot

    release = threading.Event()

    class Blocked:
        def __init__(self) -> None:
            self._slot = ThreadSlot("the test")

        async def observe(self) -> Observation:
            await self._slot.call(release.wait)
            return FINE

    async def twice() -> list[str]:
        checks = engine([spec("c", 0.01)], {"c": Blocked()})
        return [(await checks.run_all())[0].message for _ in range(2)]

    try:
        messages = asyncio.run(twice())
    finally:
        release.set()
    assert messages == ["no answer within 0.01 s", "the previous run of the test still hangs"]
