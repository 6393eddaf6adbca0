"""Who works, who waits, and that two never work at once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from controlplane.adapters.store.active_lock import SESSION_IDLE_MS
from controlplane.errors import DependencyUnreachable
from controlplane.services.standby import (
    AWAY_SECONDS,
    BELIEF_SECONDS,
    LOOK_SECONDS,
    WAIT_SECONDS,
    Holder,
    Role,
    StandbyGuard,
    Taken,
)

PROMISED_SECONDS = 15.0  # docs/runbook.md
MARGIN_SECONDS = 3.0  # for looks that a busy machine delays
SINCE = datetime(2025, 7, 7, tzinfo=UTC)
OURS, AFTER_ANOTHER, NOBODY_ANSWERS = Taken(False), Taken(True), None


def other(age_seconds: float = 0.5) -> Holder:
    """Another daemon has the lock."""
    return Holder("process 7 on elsewhere", SINCE, age_seconds)


@dataclass
class Scene:
    """A guard, a clock, and what lock and store answer (stand-ins)."""

    now: float = 1000.0
    answer: Taken | Holder | None = OURS
    is_up: bool = True
    answers: bool = True
    announced: int = 0
    guard: StandbyGuard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = StandbyGuard(self, self, lambda: self.now)

    async def take(self) -> Taken | Holder:
        if self.answer is None:
            raise DependencyUnreachable("no answer")
        return self.answer

    async def announce(self) -> None:
        self.announced += 1

    async def give_back(self) -> None:
        """Nothing to do."""

    async def ask(self, timeout_seconds: float) -> None:
        if not self.answers:
            raise DependencyUnreachable("no answer")

    async def look(self, answer: Taken | Holder | None, *, after: float = 1.0, is_up: bool = True) -> tuple[Role, bool]:
        """Time passes, then the guard looks; role, and whether it may work."""
        self.now += after
        self.answer, self.is_up = answer, is_up
        await self.guard.look()
        return self.guard.role, self.guard.may_work


async def test_a_lonely_daemon_works_at_once() -> None:
    scene = Scene()
    assert scene.guard.may_work is False
    assert await scene.look(OURS) == (Role.ACTIVE, True)
    assert scene.announced == 1


async def test_a_second_daemon_waits_and_refuses_alerts() -> None:
    scene = Scene()
    assert await scene.look(other()) == (Role.STANDBY, False)
    with pytest.raises(DependencyUnreachable, match="process 7 on elsewhere is active"):
        scene.guard.refuse_on_standby()


async def test_a_standby_takes_over_when_the_other_has_certainly_stopped() -> None:
    scene = Scene()
    await scene.look(other(age_seconds=2.0))
    taken_at = scene.now + 1
    assert await scene.look(AFTER_ANOTHER) == (Role.STANDBY, False)
    while scene.now + 1 < taken_at + WAIT_SECONDS - 2.0:
        assert await scene.look(OURS) == (Role.STANDBY, False)
    assert await scene.look(OURS) == (Role.ACTIVE, True)
    assert scene.now - taken_at < WAIT_SECONDS


@pytest.mark.parametrize(
    ("fault", "freed_after"),
    [
        ("kill -9: PostgreSQL sees its connection end", 0.0),
        ("it hangs, or its machine is gone", SESSION_IDLE_MS / 1000),
    ],
)
@pytest.mark.parametrize("phase", [0.0, 0.1, 0.5, 0.9])
async def test_a_standby_takes_over_within_the_time_that_is_promised(
    fault: str, freed_after: float, phase: float
) -> None:
    """On a clock of the test's own: the other one confirms the lock for the last time and is gone at 0."""
    scene = Scene(now=-5.0 + phase)
    while scene.now < freed_after:
        age = scene.now % LOOK_SECONDS if scene.now < 0 else scene.now
        assert await scene.look(other(age), after=0) == (Role.STANDBY, False)
        scene.now += LOOK_SECONDS
    answer = AFTER_ANOTHER
    while not (await scene.look(answer, after=0))[1]:
        answer = OURS
        scene.now += LOOK_SECONDS
    assert BELIEF_SECONDS < scene.now < PROMISED_SECONDS - MARGIN_SECONDS, fault


async def test_a_standby_takes_over_at_once_from_one_that_has_been_silent_for_long_enough() -> None:
    scene = Scene()
    await scene.look(other(age_seconds=WAIT_SECONDS + 1))
    assert await scene.look(AFTER_ANOTHER) == (Role.ACTIVE, True)


async def test_one_that_just_started_waits_for_a_daemon_that_did_not_end_in_order() -> None:
    scene = Scene()
    assert await scene.look(AFTER_ANOTHER) == (Role.UNSURE, False)
    assert await scene.look(OURS, after=WAIT_SECONDS) == (Role.ACTIVE, True)


async def test_whoever_takes_over_waits_longer_than_the_other_believes() -> None:
    assert WAIT_SECONDS > BELIEF_SECONDS


async def test_without_postgresql_it_works_and_takes_alerts() -> None:
    scene = Scene()
    assert await scene.look(NOBODY_ANSWERS, is_up=False) == (Role.UNSURE, True)
    scene.guard.refuse_on_standby()


async def test_the_active_one_goes_on_while_postgresql_is_away() -> None:
    scene = Scene()
    await scene.look(OURS)
    for _ in range(30):
        assert await scene.look(NOBODY_ANSWERS, is_up=False) == (Role.UNSURE, True)
    assert await scene.look(OURS) == (Role.ACTIVE, True)


async def test_the_active_one_stops_at_once_when_another_has_the_lock() -> None:
    scene = Scene()
    await scene.look(OURS)
    assert await scene.look(other()) == (Role.STANDBY, False)


async def test_a_lock_that_cannot_be_confirmed_while_postgresql_answers_ends_the_work_in_time() -> None:
    scene = Scene()
    await scene.look(OURS)
    confirmed_at = scene.now
    while (await scene.look(NOBODY_ANSWERS))[1]:
        assert scene.now < confirmed_at + BELIEF_SECONDS
    assert scene.guard.role is Role.UNSURE
    scene.guard.refuse_on_standby()  # it still takes alerts


async def test_a_pool_that_only_seems_to_be_up_counts_as_away() -> None:
    scene = Scene()
    await scene.look(OURS)
    scene.answers = False
    for _ in range(20):
        assert await scene.look(NOBODY_ANSWERS) == (Role.UNSURE, True)


async def test_a_standby_takes_alerts_when_postgresql_goes_and_works_only_after_a_while() -> None:
    scene = Scene()
    await scene.look(other())
    assert await scene.look(NOBODY_ANSWERS, is_up=False) == (Role.UNSURE, False)
    scene.guard.refuse_on_standby()
    assert await scene.look(NOBODY_ANSWERS, after=AWAY_SECONDS - 1, is_up=False) == (Role.UNSURE, False)
    assert await scene.look(NOBODY_ANSWERS, is_up=False) == (Role.UNSURE, True)
    assert await scene.look(other()) == (Role.STANDBY, False)


async def test_after_an_outage_the_age_of_what_was_seen_before_does_not_shorten_the_wait() -> None:
    scene = Scene()
    await scene.look(other(age_seconds=5.0))
    await scene.look(NOBODY_ANSWERS, is_up=False)
    assert (await scene.look(AFTER_ANOTHER))[1] is False
    assert (await scene.look(OURS, after=WAIT_SECONDS - 0.5))[1] is False
    assert await scene.look(OURS, after=0.5) == (Role.ACTIVE, True)
