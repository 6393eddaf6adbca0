"""An assessment as the stable record that ``cmctl slo status`` and the API give."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from controlplane.domain.maintenance import Exclusion, excluded_seconds
from controlplane.domain.slo.figures import Case, Figures
from controlplane.domain.slo.objective import Objective
from controlplane.services.slo.assess import Assessment


def as_record(assessment: Assessment) -> dict[str, Any]:
    """One flat mapping; ratios are 0..1, times are seconds, None is unknown."""
    objective, pace = assessment.objective, assessment.pace
    return {
        **figures_record(objective, assessment.figures, assessment.exclusions),
        "burn_rate": pace.burn_rate.rate,
        "burn_rate_window_seconds": pace.burn_rate.window_seconds,
        "burn_rates": [{"window_seconds": one.window_seconds, "burn_rate": one.rate} for one in pace.burn_rates],
        "trend": pace.trend,
        "time_to_exhaustion_seconds": pace.time_to_exhaustion_seconds,
        "window": {
            "kind": objective.window.calendar or "rolling",
            "time_zone": objective.window.time_zone,
            "start": assessment.period.start,
            "end": assessment.period.end,
            "full_end": assessment.period.full_end,
        },
        "problems": list(assessment.problems),
    }


def figures_record(objective: Objective, figures: Figures, exclusions: Sequence[Exclusion]) -> dict[str, Any]:
    """What status and report say alike about an objective over a stretch of time."""
    quantities, budget = figures.quantities, figures.budget
    return {
        "name": objective.name,
        "service": objective.service,
        "title": objective.title,
        "verdict": figures.verdict,
        "sli": figures.sli,
        "objective": objective.target,
        "coverage": figures.coverage,
        "error_budget_remaining": budget.remaining_ratio,
        "best_case": _case(figures.best_case),
        "worst_case": _case(figures.worst_case),
        "unit": objective.unit,
        "good": quantities.good,
        "bad": quantities.bad,
        "unknown": quantities.unknown,
        "excluded": quantities.excluded,
        "known_seconds": quantities.known_seconds,
        "unknown_seconds": quantities.unknown_seconds,
        "excluded_seconds": quantities.excluded_seconds,
        "idle_seconds": quantities.idle_seconds,
        "maintenance_seconds": excluded_seconds(exclusions, planned=True),
        "maintenance_after_the_fact_seconds": excluded_seconds(exclusions, planned=False),
        "exclusions": [dataclasses.asdict(one) for one in exclusions],
        "budget_allowed": budget.allowed,
        "budget_consumed": budget.consumed,
        "budget_remaining": budget.remaining,
    }


def _case(case: Case) -> dict[str, float | None]:
    return {"sli": case.sli, "error_budget_remaining": case.error_budget_remaining}
