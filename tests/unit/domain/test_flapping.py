"""When an alert flaps, and when it is calm again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.domain.flapping import Episode, Flapping, FlappingLimits, firings, follow, is_calm

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
LIMITS = FlappingLimits()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def episode(start: float, end: float | None = None, superseded: bool = False) -> Episode:
    return Episode(
        at(start), at(start), at(start if end is None else end), None if end is None else at(end), superseded
    )


@pytest.mark.parametrize(
    ("case", "episodes", "expected"),
    [
        ("none", [], []),
        ("each that was over before the next", [episode(0, 10), episode(20, 30), episode(40)], [0, 20, 40]),
        ("one while another fires is the same", [episode(0), episode(5)], [0]),
        ("so is one before the other's end", [episode(0, 300), episode(5, 300), episode(400)], [0, 400]),
        ("superseded within a minute: another Alertmanager's", [episode(0, 5, True), episode(5)], [0]),
        ("a third one's, too", [episode(0, 5, True), episode(5, 9, True), episode(9, 30)], [0]),
        ("superseded later: it began anew", [episode(0, 120, True), episode(120)], [0, 120]),
        ("in any order", [episode(40), episode(0, 10), episode(20, 30)], [0, 20, 40]),
    ],
)
def test_what_counts_as_beginning_to_fire(case: str, episodes: list[Episode], expected: list[float]) -> None:
    assert [one.starts_at for one in firings(episodes)] == [at(start) for start in expected], case


def regular(count: int, period: float, up: float = 0.5) -> list[Episode]:
    return [episode(number * period, (number + up) * period) for number in range(count)]


@pytest.mark.parametrize(
    ("case", "known", "episodes", "expected"),
    [
        ("too few", None, regular(3, 60), None),
        ("enough", None, regular(4, 60), Flapping(at(0), at(180), at(180), at(210), 4)),
        ("enough, just within the window", None, regular(4, 600), Flapping(at(0), at(1800), at(1800), at(2100), 4)),
        ("too slow", None, regular(4, 601), None),
        (
            "one more",
            Flapping(at(0), at(180), at(180), at(210), 4),
            regular(5, 60),
            Flapping(at(0), at(180), at(240), at(270), 5),
        ),
        (
            "starts that counted once do not count again",
            Flapping(at(0), at(180), at(180), at(210), 4, ended_at=at(1200)),
            [*regular(4, 60), episode(1300, 1310)],
            Flapping(at(0), at(180), at(180), at(210), 4, ended_at=at(1200)),
        ),
    ],
)
def test_following_an_alert(
    case: str, known: Flapping | None, episodes: list[Episode], expected: Flapping | None
) -> None:
    assert follow(known, episodes, LIMITS) == expected, case


limits = st.builds(
    lambda fires, window, more: FlappingLimits(
        fires, timedelta(seconds=window), timedelta(seconds=window / (fires - 1) + more)
    ),
    st.integers(3, 8),
    st.floats(30, 7200),
    st.floats(0, 600),
)


class Watched:
    """One alert whose changes are followed one by one, as the store does, with every message that is made of it."""

    def __init__(self, given_limits: FlappingLimits) -> None:
        self.limits = given_limits
        self.episodes: list[Episode] = []
        self.known: Flapping | None = None
        self.told: list[tuple[str, datetime, int]] = []  # what, when, after how many firings

    @property
    def flaps(self) -> bool:
        return self.known is not None and self.known.ended_at is None

    def look(self, now: datetime) -> None:
        if self.known is not None and self.flaps and is_calm(self.known, now, self.limits):
            self.known = replace(self.known, ended_at=now)
            self.told.append(("calm", now, len(self.episodes)))

    def change(self, now: datetime) -> None:
        """It begins to fire when it is over, and the other way round."""
        self.look(now)
        if self.episodes and self.episodes[-1].ends_at is None:
            self.episodes[-1] = replace(self.episodes[-1], ends_at=now, changed_at=now)
        else:
            self.episodes.append(Episode(now, now, now))
        did_flap = self.flaps
        self.known = follow(self.known, self.episodes[-3 * self.limits.fires :], self.limits)
        if self.flaps and not did_flap:
            self.told.append(("flaps", now, len(self.episodes)))


@given(limits, st.lists(st.floats(0.001, 4000), max_size=80))
def test_however_it_comes_and_goes(given_limits: FlappingLimits, pauses: list[float]) -> None:
    watched, now = Watched(given_limits), NOON
    changes = [now]
    for pause in [0.0, *pauses]:
        now += timedelta(seconds=pause)
        watched.change(now)
        changes.append(now)
    kinds = [kind for kind, _, _ in watched.told]
    assert kinds == ["flaps", "calm"] * (len(kinds) // 2) + ["flaps"] * (len(kinds) % 2), "told in turns"
    before = 0
    for kind, moment, fires in watched.told:
        if kind == "flaps":
            starts = [one.starts_at for one in watched.episodes[:fires]]
            assert fires - before >= given_limits.fires, "each time needs as many new firings"
            assert moment - starts[-given_limits.fires] <= given_limits.window
            before = fires
        else:
            assert moment - max(one for one in changes if one < moment) >= given_limits.calm
    counts = [watched.known.fires] if watched.known and watched.flaps else []
    assert all(count == sum(one.starts_at >= watched.known.began_at for one in watched.episodes) for count in counts)  # type: ignore[union-attr]


@given(limits, st.floats(0.001, 0.999), st.floats(0.05, 0.95), st.integers(8, 40))
def test_one_that_comes_and_goes_regularly_is_told_once(
    given_limits: FlappingLimits, share: float, up: float, cycles: int
) -> None:
    period = given_limits.window.total_seconds() / (given_limits.fires - 1) * share
    watched = Watched(given_limits)
    for number in range(cycles):
        watched.change(at(number * period))
        watched.change(at((number + up) * period))
    assert [kind for kind, _, _ in watched.told] == ["flaps"]


@given(limits, st.floats(1.001, 50), st.integers(2, 40))
def test_one_that_is_slower_than_the_limit_never_flaps(given_limits: FlappingLimits, share: float, cycles: int) -> None:
    period = given_limits.window.total_seconds() / (given_limits.fires - 1) * share
    watched = Watched(given_limits)
    for number in range(cycles):
        watched.change(at(number * period))
        watched.change(at((number + 0.5) * period))
    assert watched.told == []
