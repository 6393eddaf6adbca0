"""What must hold for every series: no look-ahead, exact continuation, no dependence on units."""

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.state import dump, load

Samples = list[tuple[float, float]]
anything = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-100, 100),
    st.sampled_from([0.0, 1.0, 1e308, -1e308, 5e-324]),
)
steps = st.one_of(st.just(300.0), st.floats(-1e5, 1e5), st.sampled_from([0.0, 3.2e9, -3.2e9]))


def ordinary(seed: int, count: int = 900) -> Samples:
    """Daily shape, noise, a spike and a lasting shift."""
    rng = random.Random(seed)
    level = rng.uniform(-50, 50)
    samples = []
    for position in range(count):
        value = level + 3 * math.sin(position / 45.8) + rng.gauss(0, 1)
        value += 12.0 if position == 600 else 5.0 if position > 750 else 0.0
        samples.append((1.7e9 + 300.0 * position, value))
    return samples


def scores(samples: Samples) -> list[float]:
    model = SeriesModel()
    return [model.observe(*sample) for sample in samples]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 899), future=st.lists(anything, max_size=20))
def test_changing_the_future_changes_no_past_score(seed: int, cut: int, future: list[float]) -> None:
    samples = ordinary(seed)
    changed = samples[:cut] + [(samples[cut][0] + 60.0 * n, value) for n, value in enumerate(future)]
    assert scores(changed)[:cut] == scores(samples)[:cut]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(1, 899), max_size=4))
def test_a_dumped_state_carries_on_to_the_last_bit(seed: int, cuts: list[int]) -> None:
    samples = ordinary(seed)
    model = SeriesModel()
    piecewise = []
    for position, sample in enumerate(samples):
        if position in cuts:
            model = load(dump(model))
        piecewise.append(model.observe(*sample))
    assert piecewise == scores(samples)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e6), shift=st.floats(-1e4, 1e4))
def test_units_do_not_matter(seed: int, scale: float, shift: float) -> None:
    samples = ordinary(seed)
    other = scores([(time, scale * value + shift * scale) for time, value in samples])
    assert all(abs(one - two) < 1e-3 for one, two in zip(scores(samples), other, strict=True))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(steps, anything), max_size=300))
def test_any_input_gives_scores_between_zero_and_one(rows: Samples) -> None:
    model, time = SeriesModel(), 1.7e9
    for step, value in rows:
        time += step
        assert 0.0 <= model.observe(time, value) <= 1.0
    assert dump(load(dump(model))) == dump(model)
