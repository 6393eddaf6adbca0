"""The figures of a report: what the quantities of a window mean for its objective."""

from dataclasses import dataclass
from typing import Literal

from controlplane.domain.slo.burn_rate import Trend
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.quantities import Quantities

Verdict = Literal["met", "at_risk", "missed", "not_enough_data"]


@dataclass(frozen=True)
class Budget:
    """An error budget in the objective's unit. ``remaining_ratio`` is negative when more than all is spent."""

    allowed: float
    consumed: float

    @property
    def remaining(self) -> float:
        """What is left, in the unit."""
        return self.allowed - self.consumed

    @property
    def remaining_ratio(self) -> float | None:
        """What is left as a share; None when there was nothing to spend."""
        return self.remaining / self.allowed if self.allowed else None


@dataclass(frozen=True)
class Case:
    """SLI and remaining share of the budget under one assumption about the unknown part."""

    sli: float | None
    error_budget_remaining: float | None


@dataclass(frozen=True)
class BurnRate:
    """Burn rate over the latest ``window_seconds``; None when nothing is known of them."""

    window_seconds: float
    rate: float | None


@dataclass(frozen=True)
class Figures:
    """Everything that is said about one objective over one window."""

    quantities: Quantities
    sli: float | None
    coverage: float
    budget: Budget
    best_case: Case
    worst_case: Case
    verdict: Verdict


@dataclass(frozen=True)
class Pace:
    """How fast the budget is being spent now."""

    burn_rate: BurnRate
    burn_rates: tuple[BurnRate, ...]
    trend: Trend
    time_to_exhaustion_seconds: float | None


def figures(objective: Objective, quantities: Quantities, ahead_seconds: float = 0.0) -> Figures:
    """Judge a window. ``ahead_seconds`` of a running calendar period add to a budget of time."""
    ahead = ahead_seconds if objective.unit == "seconds" else 0.0
    share = objective.error_budget
    budget = Budget(share * (quantities.total + ahead) if quantities.total else 0.0, quantities.bad)
    everything = share * (quantities.total + quantities.unknown + ahead)
    best = Budget(everything, quantities.bad)
    worst = Budget(everything, quantities.bad + quantities.unknown)
    return Figures(
        quantities=quantities,
        sli=quantities.sli,
        coverage=quantities.coverage,
        budget=budget,
        best_case=Case(quantities.best_sli, best.remaining_ratio),
        worst_case=Case(quantities.worst_sli, worst.remaining_ratio),
        verdict=verdict(objective, quantities, budget),
    )


def verdict(objective: Objective, quantities: Quantities, budget: Budget) -> Verdict:
    """Missed or met only where the unknown part cannot change it, or is small enough.

    Missed: even the best case misses, or the SLI does at sufficient coverage.
    Not enough data: coverage or the number of events is too small to say.
    """
    best, worst, sli = quantities.best_sli, quantities.worst_sli, quantities.sli
    if best is None or worst is None or sli is None:
        return "not_enough_data"
    if objective.unit == "events" and quantities.total < objective.alerting.minimum_events:
        return "not_enough_data"
    if best < objective.target:
        return "missed"
    if worst < objective.target and quantities.coverage < objective.minimum_coverage:
        return "not_enough_data"
    if sli < objective.target:
        return "missed"
    remaining = budget.remaining_ratio
    return "at_risk" if remaining is not None and remaining < objective.at_risk_below else "met"
