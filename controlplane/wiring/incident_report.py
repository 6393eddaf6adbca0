"""Composition root of post-incident reports."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, cast

from controlplane.adapters.report.render import ReportRenderer
from controlplane.cli.output import plain
from controlplane.config.schema import Settings
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.report import ObjectiveReport
from controlplane.domain.slo.report_period import custom
from controlplane.errors import CmctlError
from controlplane.services.incidents.read_record import file_of
from controlplane.services.incidents.report import Loss, Losses, Making, compose_incident, time_of
from controlplane.services.slo.report.words import Language
from controlplane.wiring.objectives import objectives_of
from controlplane.wiring.reports import make_report


async def render_incident_report(
    settings: Settings, record: Mapping[str, Any], form: str, language: str, time_zone: str
) -> bytes:
    """The report of an incident, as ``md`` or ``html``. The objectives' losses come from Prometheus."""
    shown = file_of(plain(record))
    now = datetime.now(UTC)
    start, end = time_of(shown.incident, now)
    losses = await slo_losses(settings, start, min(end, now), shown.incident.service)
    making = Making(
        language=cast(Language, language),
        time_zone=time_zone,
        now=now,
        version=version("claude-memory-controlplane"),
        response_seconds=settings.notifications.response_seconds.model_dump(),
    )
    return ReportRenderer().render(compose_incident(shown, losses, making), form)


async def slo_losses(settings: Settings, start: datetime, end: datetime, service: str) -> Losses:
    """What each objective lost in a time, those of the service first; why not when that cannot be known."""
    try:
        report = await make_report(settings, objectives_of(settings), custom(start, end, "UTC", datetime.now(UTC)))
    except (CmctlError, ValueError) as error:
        return Losses(problem=str(error))
    failed = sorted({group.detail for one in report.objectives for group in one.problems if group.kind == "failed"})
    known = [one for one in report.objectives if one.figures.quantities.known_seconds > 0]
    if not known:
        return Losses(problem="; ".join(failed)[:300] or "nothing was measured in that time")
    lossy = [one for one in known if one.figures.quantities.bad > 0]
    lossy.sort(key=lambda one: (one.objective.service != service, one.objective.name))
    return Losses([_loss(one) for one in lossy])


def _loss(report: ObjectiveReport) -> Loss:
    objective, quantities = report.objective, report.figures.quantities
    return Loss(
        objective.title,
        objective.title_zh,
        quantities.bad,
        objective.unit,
        _share_of_budget(objective, quantities.bad),
        quantities.unknown_seconds,
    )


def _share_of_budget(objective: Objective, bad: float) -> float | None:
    """How much of the budget of the objective's rolling window of time that is."""
    seconds = objective.window.rolling_seconds
    if objective.unit != "seconds" or seconds is None:
        return None
    return bad / (seconds * objective.error_budget)
