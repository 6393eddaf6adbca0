"""What each incident cost the objectives of its service."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.domain.slo.incidents import IncidentFact
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.report import ALERT_SLACK, Loss, ObjectiveReport


@dataclass(frozen=True)
class Cost:
    """What an objective lost during an incident: ``bad`` in its unit, and the share of its whole error budget."""

    objective: Objective
    bad: float
    budget_share: float | None


def is_behind(incident: IncidentFact, objective: Objective, loss: Loss) -> bool:
    """Whether an incident of the objective's service went on during a loss, or within the slack that alerts have."""
    return incident.service == objective.service and incident.overlaps(loss.start, loss.end, ALERT_SLACK)


def costs(incident: IncidentFact, objectives: Sequence[ObjectiveReport]) -> tuple[Cost, ...]:
    """What each objective lost in the losses that are told and that the incident is behind.

    A loss that two incidents are behind is told of both.
    """
    found = []
    for report in objectives:
        losses = [loss for loss in report.losses if is_behind(incident, report.objective, loss)]
        if losses:
            bad = sum(loss.bad for loss in losses)
            allowed = report.figures.budget.allowed
            found.append(Cost(report.objective, bad, bad / allowed if allowed else None))
    return tuple(found)


def unexplained(incidents: Sequence[IncidentFact], objectives: Sequence[ObjectiveReport]) -> int:
    """How many of the losses that are told no incident is behind."""
    return sum(
        not any(is_behind(incident, report.objective, loss) for incident in incidents)
        for report in objectives
        for loss in report.losses
    )
