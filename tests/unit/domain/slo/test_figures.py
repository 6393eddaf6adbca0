"""SLI, coverage, budget, cases and verdict, computed by hand."""

from dataclasses import replace

import pytest

from controlplane.domain.slo.figures import figures
from controlplane.domain.slo.objective import Alerting, CounterIndicator, GaugeIndicator, Objective, TimeWindow
from controlplane.domain.slo.quantities import Quantities, total
from controlplane.domain.slo.selector import parse_selector

DAY = 86_400.0
UP = parse_selector("up")
OBJECTIVE = Objective("up", "s", "t", "t", "", GaugeIndicator(UP), TimeWindow(rolling_seconds=30 * DAY), 0.999)
COUNTED = replace(OBJECTIVE, indicator=CounterIndicator(UP, UP, "bad"), alerting=Alerting(minimum_events=100))


def _seconds(good: float, bad: float, unknown: float = 0.0, excluded: float = 0.0) -> Quantities:
    return Quantities("seconds", good, bad, good + bad, unknown, excluded)


def test_the_runbook_month_allows_43_2_minutes() -> None:
    result = figures(OBJECTIVE, _seconds(30 * DAY - 600, 600))
    assert result.budget.allowed == pytest.approx(43.2 * 60)
    assert result.budget.remaining == pytest.approx(43.2 * 60 - 600)
    assert result.budget.remaining_ratio == pytest.approx(1 - 600 / 2592)
    assert result.sli == pytest.approx(1 - 600 / (30 * DAY))


def test_unknown_is_neither_good_nor_bad_and_bounds_the_truth() -> None:
    # Half of the month unknown: the budget is that of the known half, the cases span what may have happened.
    result = figures(OBJECTIVE, _seconds(15 * DAY - 648, 648, unknown=15 * DAY))
    assert result.coverage == 0.5
    assert result.budget.remaining_ratio == pytest.approx(0.5)
    assert result.best_case.error_budget_remaining == pytest.approx(0.75)
    assert result.worst_case.sli == pytest.approx(0.5 - 648 / (30 * DAY))
    assert result.worst_case.error_budget_remaining == pytest.approx(1 - (15 * DAY + 648) / 2592)


def test_excluded_time_counts_nowhere() -> None:
    result = figures(OBJECTIVE, _seconds(1000, 0, excluded=5000))
    assert (result.sli, result.coverage, result.budget.allowed) == (1.0, 1.0, pytest.approx(1.0))


def test_a_calendar_month_has_the_budget_of_all_its_days() -> None:
    result = figures(OBJECTIVE, _seconds(10 * DAY - 600, 600), ahead_seconds=20 * DAY)
    assert result.budget.allowed == pytest.approx(2592)
    assert result.budget.remaining_ratio == pytest.approx(1 - 600 / 2592)


@pytest.mark.parametrize(
    ("case", "quantities", "verdict"),
    [
        ("all known, above", _seconds(99_990, 10), "met"),
        ("all known, little budget left", _seconds(99_910, 90), "at_risk"),
        ("all known, below", _seconds(99_800, 200), "missed"),
        ("nothing known", _seconds(0, 0, unknown=100), "not_enough_data"),
        ("nothing at all", _seconds(0, 0), "not_enough_data"),
        ("too little known", _seconds(50_000, 0, unknown=50_000), "not_enough_data"),
        ("little known, but missed for certain", _seconds(10_000, 200, unknown=50_000), "missed"),
        ("enough known", _seconds(95_000, 1, unknown=5_000), "met"),
        ("all excluded", _seconds(0, 0, excluded=100), "not_enough_data"),
    ],
)
def test_verdict(case: str, quantities: Quantities, verdict: str) -> None:
    assert figures(OBJECTIVE, quantities).verdict == verdict, case


@pytest.mark.parametrize(("events", "verdict"), [(99, "not_enough_data"), (100, "missed")])
def test_low_traffic_gives_no_verdict(events: float, verdict: str) -> None:
    assert figures(COUNTED, Quantities("events", events - 5, 5, known_seconds=DAY)).verdict == verdict


@pytest.mark.parametrize("target", [0.0, 1.0, 1.5, -0.1])
def test_a_target_without_budget_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        replace(OBJECTIVE, target=target)


def test_quantities_add_up_over_any_division() -> None:
    parts = [_seconds(10, 1, 2, 3), _seconds(20, 0, 5, 0)]
    assert total("seconds", parts) == _seconds(30, 1, 7, 3)


def test_seconds_and_events_do_not_add() -> None:
    with pytest.raises(ValueError, match="cannot add"):
        _seconds(1, 0) + Quantities("events")
