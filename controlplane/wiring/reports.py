"""Composition root of SLA reports: for ``cmctl slo report``, and for the process that keeps those that are due."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.adapters.report.render import ReportRenderer
from controlplane.config.schema import Settings
from controlplane.domain.maintenance import Exclusion, exclusions_of
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.report import Report
from controlplane.domain.slo.report_period import ReportPeriod
from controlplane.services.slo.report.alert_facts import SourcedAlerts
from controlplane.services.slo.report.compose import compose
from controlplane.services.slo.report.make import Maintenances, Origin, SloReporter
from controlplane.services.slo.report.words import Language
from controlplane.wiring.alerts import alert_sources
from controlplane.wiring.slo import read_maintenance


async def make_report(settings: Settings, objectives: Sequence[Objective], period: ReportPeriod | None) -> Report:
    """The report as of now. What does not answer is unknown, and said to be."""
    entries, error = await read_maintenance(settings)

    def exclusions(objective: Objective, start: datetime, end: datetime) -> Sequence[Exclusion]:
        return exclusions_of(entries, objective, start, end)

    url = settings.url("prometheus")
    origin = Origin(settings.profile, version("claude-memory-controlplane"), url)
    alerts = SourcedAlerts(alert_sources(settings, lambda _: None))
    maintenances = Maintenances(exclusions, error.message if error else None)
    async with PrometheusSamples(url) as source:
        reporter = SloReporter(source, alerts, maintenances, lambda: datetime.now(UTC), origin)
        return await reporter.report(objectives, period)


def render_report(report: Report, form: str, language: Language, time_zone: str) -> bytes:
    """The report as ``html``, ``md`` or ``pdf``."""
    return ReportRenderer().render(compose(report, language, time_zone), form)
