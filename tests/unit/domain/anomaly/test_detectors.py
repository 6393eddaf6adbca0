"""Each kind of incident is found, and named for what it is."""

import math
import random
from collections.abc import Callable

import pytest

from controlplane.domain.anomaly.backtest import judge
from controlplane.domain.anomaly.calibration import ALERT_SCORE
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.parameters import WARM_UP_FIRST
from controlplane.domain.anomaly.reasons import sentence
from controlplane.domain.anomaly.state import BadState, dump, load
from controlplane.domain.anomaly.verdict import Kind

AT = 2600
COUNT = 2800
_RANDOM = random.Random(8)
NOISE = [_RANDOM.gauss(0, 1) for _ in range(COUNT)]


def time_of(position: int) -> float:
    return 1_700_000_000.0 + 300.0 * position


def daily(position: int) -> float:
    return 20 + 6 * math.sin(time_of(position) / 86400 * 2 * math.pi) + NOISE[position]


def flat(position: int) -> float:
    return 20 + NOISE[position]


def first_alarm(value_of: Callable[[int], float]) -> tuple[int, Kind, str] | None:
    """First alarm at or after AT: its distance, kind and sentence. One alarm before, by chance, is tolerated."""
    model = SeriesModel()
    early = []
    for position in range(COUNT):
        if model.observe(time_of(position), value_of(position)) < ALERT_SCORE:
            continue
        if position >= AT:
            return position - AT, model.kind, sentence(model.explain(), time_of(position))
        early.append(position)
        assert len(early) <= 1, f"false alarms at {early}"
    return None


def changed(base: Callable[[int], float], change: Callable[[int], float]) -> Callable[[int], float]:
    return lambda position: base(position) + (change(position) if position >= AT else 0.0)


CASES: dict[str, tuple[Callable[[int], float], int]] = {
    "spike": (changed(flat, lambda at: 15.0 if at == AT else 0.0), 0),
    "drop": (changed(daily, lambda at: -15.0), 1),
    "level shift": (changed(flat, lambda at: 4.0), 4),
    "level shift on a daily shape": (changed(daily, lambda at: 5.0), 5),
    "restless": (changed(flat, lambda at: 4.0 * NOISE[at - 1000]), 15),
    "slow drift": (changed(flat, lambda at: 0.06 * (at - AT)), 100),
    "stuck": (lambda at: flat(min(at, AT)), 30),
    "dead quiet": (lambda at: flat(at) if at < AT else 20 + 0.02 * NOISE[at], 90),
}


@pytest.mark.parametrize("name", CASES)
def test_an_incident_is_found_in_time(name: str) -> None:
    value_of, within = CASES[name]
    found = first_alarm(value_of)
    assert found is not None
    assert found[0] <= within


def test_a_long_gap_in_a_steady_series_is_found_when_data_returns() -> None:
    model = SeriesModel()
    for position in range(2000):
        model.observe(time_of(position), flat(position))
    assert model.observe(time_of(40_000), flat(2001)) >= ALERT_SCORE
    assert model.kind == Kind.MISSING


def test_a_new_state_of_a_discrete_signal_is_found() -> None:
    found = first_alarm(lambda at: 3.0 if at >= AT else float(at // 40 % 2))
    assert found is not None
    assert found[0] == 0


def test_the_reason_tells_amount_time_and_band() -> None:
    found = first_alarm(changed(daily, lambda at: 15.0))
    assert found is not None
    assert "2023-11-2" in found[2]
    assert "outside the learnt daily band" in found[2]
    assert "+" in found[2]


def test_an_episode_is_said_once_and_a_new_level_is_learnt() -> None:
    model = SeriesModel()
    loud = [
        at for at in range(COUNT) if model.observe(time_of(at), flat(at) + (8.0 if at >= 1000 else 0.0)) >= ALERT_SCORE
    ]
    assert 1 <= len(loud) <= 3
    assert all(1000 <= at < 1100 for at in loud)


def test_spikes_that_always_come_are_ordinary() -> None:
    model = SeriesModel()
    rng = random.Random(4)
    spikes = {at for at in range(COUNT) if rng.random() < 0.01}
    loud = [at for at in range(COUNT) if model.observe(time_of(at), flat(at) + 12.0 * (at in spikes)) >= ALERT_SCORE]
    assert len(loud) <= 2


def test_warm_up_never_alerts_and_is_visible() -> None:
    model = SeriesModel()
    for position in range(WARM_UP_FIRST):
        score = model.observe(time_of(position), 1e6 if position % 17 == 0 else flat(position))
        assert score == 0.0
        assert model.is_warming_up


def test_the_clock_may_be_set_back_without_losing_the_series() -> None:
    model = SeriesModel()
    for position in range(1000):
        model.observe(time_of(position), flat(position))
    back = [model.observe(time_of(position) - 1e6, flat(position)) for position in range(1000, 1100)]
    assert back[:5] == [0.0] * 5
    assert model.detectors.count > 1050
    assert max(back) < ALERT_SCORE


def test_a_state_is_small_and_refused_when_damaged() -> None:
    model = SeriesModel()
    for position in range(COUNT):
        model.observe(time_of(position), daily(position))
    state = dump(model)
    assert len(state) < 4096
    for bad in (b"", b"nonsense", state[:-3], state[:4] + b"\xff" + state[5:], state[:20] + b"x" + state[21:]):
        with pytest.raises(BadState):
            load(bad)


def test_a_backtest_counts_what_it_should() -> None:
    alarms = [(10.0, 1.0, 0.999, "a"), (55.0, 1.0, 0.999, "b"), (60.0, 1.0, 0.999, "c")]
    result = judge(alarms, [(50.0, 70.0), (100.0, 120.0)], rows=200, seconds=604800.0)
    assert (result.precision, result.recall, result.median_delay_seconds) == (2 / 3, 0.5, 5.0)
    assert result.alarms_per_week == 3.0
    empty = judge([], [], rows=0, seconds=0.0)
    assert (empty.precision, empty.recall, empty.alarms_per_week) == (None, None, None)
