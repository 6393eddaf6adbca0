"""Roll-ups of a day, computed by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from controlplane.domain.slo.days import DAY_MS, definition_of, exclusions_text, roll_up, unobserved
from controlplane.domain.slo.grid import Grid, Slots
from controlplane.domain.slo.objective import GaugeIndicator, Objective, Sampling, TimeWindow
from controlplane.domain.slo.quantities import Quantities
from controlplane.domain.slo.selector import parse_selector

UP = Objective("up", "s", "t", "t", "", GaugeIndicator(parse_selector("up")), TimeWindow(rolling_seconds=86_400), 0.999)
NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)
START = 20_000 * DAY_MS
HOUR = 3_600_000


def test_a_day_keeps_its_four_quantities_apart() -> None:
    grid = Grid.between(START, START + DAY_MS, HOUR)
    hours = np.arange(24)
    good = np.where(hours < 20, 3600.0, 0)
    bad = np.where(hours == 20, 3600.0, 0)
    slots = Slots(grid, good, bad, ((good + bad) > 0).astype(float), np.zeros(24, dtype=bool))
    day = roll_up(UP, slots, [(START - HOUR, START + 2 * HOUR), (START + 23 * HOUR, START + 30 * HOUR)], NOW)
    assert day.quantities == Quantities(
        "seconds", 18 * 3600, 3600, 19 * 3600, 2 * 3600, 3 * 3600, excluded_amount=2 * 3600.0
    )
    assert (day.day, day.start, day.observed_seconds) == (date(2024, 10, 4), START, 21 * 3600)
    assert day.exclusions == f"{START}-{START + 2 * HOUR} {START + 23 * HOUR}-{START + DAY_MS}"


def test_equal_exclusions_have_equal_texts() -> None:
    end = START + DAY_MS
    a, b, c = START + HOUR, START + 2 * HOUR, START + 3 * HOUR
    assert exclusions_text([(a, b), (b, c)], START, end) == exclusions_text([(a, c), (a, b)], START, end) == f"{a}-{c}"
    assert exclusions_text([(START - HOUR, START), (end, end + HOUR)], START, end) == ""


def test_the_definition_is_what_is_measured_and_not_how_it_is_judged() -> None:
    assert definition_of(replace(UP, target=0.5, window=TimeWindow(calendar="month"))) == definition_of(UP)
    assert definition_of(replace(UP, sampling=Sampling(step_seconds=30))) != definition_of(UP)
    changed = replace(UP, indicator=GaugeIndicator(parse_selector('up{job="x"}')))
    assert definition_of(changed) != definition_of(UP)


def test_what_nobody_remembers_is_unknown_or_excluded() -> None:
    grid = Grid.between(START + HOUR, START + 5 * HOUR, HOUR)
    assert unobserved(UP, grid, [(START, START + 2 * HOUR)]) == Quantities(
        "seconds", unknown_seconds=3 * 3600, excluded_seconds=3600
    )
