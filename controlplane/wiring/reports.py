"""Composition root of SLA reports: for ``cmctl slo report``, and for the process that keeps those that are due."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.adapters.report.render import ReportRenderer
from controlplane.adapters.store.actions import PostgresActionLedger
from controlplane.adapters.store.anomalies import PostgresAnomalyStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.incidents import PostgresIncidents
from controlplane.adapters.store.slo_days import PostgresDayStore
from controlplane.cli.output import plain
from controlplane.config.schema import Settings
from controlplane.domain.slo.kept_report import (
    DATA_FILE,
    FORMATS,
    KINDS,
    MESSAGE,
    KeptKind,
    KeptReport,
    file_name,
    kept_id,
)
from controlplane.domain.slo.objective import Objective
from controlplane.domain.slo.outlook import Outlook
from controlplane.domain.slo.report import Report
from controlplane.domain.slo.report_period import ReportPeriod
from controlplane.domain.slo.unusual import AnomalyReport
from controlplane.services.slo.report.alert_facts import SourcedAlerts
from controlplane.services.slo.report.compose import compose
from controlplane.services.slo.report.incidents import read_incidents
from controlplane.services.slo.report.keep import KeepPolicy, KeepResult, ReportKeeper
from controlplane.services.slo.report.make import Maintenances, Origin, SloReporter
from controlplane.services.slo.report.message import report_message
from controlplane.services.slo.report.outlook import read_outlook
from controlplane.services.slo.report.record import report_record
from controlplane.services.slo.report.recovery import RecordedRecovery
from controlplane.services.slo.report.send import SentReport
from controlplane.services.slo.report.words import LANGUAGES, Language
from controlplane.wiring.alerts import alert_sources
from controlplane.wiring.kept_reports import report_sender, report_store
from controlplane.wiring.objectives import objectives_of
from controlplane.wiring.public_url import public_url
from controlplane.wiring.slo import prometheus_memory, read_maintenance, slo_database, slo_exclusions


async def make_report(settings: Settings, objectives: Sequence[Objective], period: ReportPeriod | None) -> Report:
    """The report as of now. What does not answer is unknown, and said to be."""
    url = settings.url("prometheus")
    origin = Origin(settings.profile, version("claude-memory-controlplane"), url)
    alerts = SourcedAlerts(alert_sources(settings, lambda _: None), public_url(settings))
    database = slo_database(settings)
    try:
        entries, error = await read_maintenance(database)
        days = None if error else PostgresDayStore(database)
        maintenances = Maintenances(slo_exclusions(entries), error.message if error else None)
        async with PrometheusSamples(url) as source:
            memory, recovery = prometheus_memory(settings), build_recovery(settings, database)
            reporter = SloReporter(source, alerts, maintenances, _now, origin, days, memory, recovery)
            report = await reporter.report(objectives, period)
            anomalies = await _anomalies(settings, database, report.start, report.end)
        incidents = await read_incidents(PostgresIncidents(database), report.start, report.end, public_url(settings))
        return replace(report, outlook=await _outlook(settings), incidents=incidents, anomalies=anomalies)
    finally:
        await database.close()


async def _anomalies(settings: Settings, database: Database, start: datetime, end: datetime) -> AnomalyReport | None:
    """Anomalies of the report's time, None where nothing is watched."""
    if not settings.anomaly.enabled:
        return None
    from controlplane.wiring.anomaly_reading import anomalies_between

    return await anomalies_between(settings, PostgresAnomalyStore(database), start, end)


async def _outlook(settings: Settings) -> Outlook | None:
    """Forecasts as of now, None where none are configured."""
    from controlplane.wiring.anomalies import build_forecasts

    forecasts = build_forecasts(settings)
    return await read_outlook(forecasts, _now()) if forecasts.resources else None


def build_recovery(settings: Settings, database: Database) -> RecordedRecovery:
    """Backups from the catalogue, drills from the action ledger."""
    from controlplane.wiring.backup import backup_files, makes_backups

    sets = backup_files(settings) if makes_backups(settings) else None
    return RecordedRecovery(sets, PostgresActionLedger(database))


def _now() -> datetime:
    return datetime.now(UTC)


def record_json(report: Report) -> bytes:
    """The report as JSON."""
    return (json.dumps(plain(report_record(report)), ensure_ascii=False, indent=2) + "\n").encode()


def render_report(report: Report, form: str, language: Language, time_zone: str) -> bytes:
    """The report as ``html``, ``md`` or ``pdf``."""
    return ReportRenderer().render(compose(report, language, time_zone), form)


def report_policy(settings: Settings) -> KeepPolicy:
    """Which reports are kept, and for how long."""
    reports = settings.reports
    keep = {"day": reports.keep_daily_days, "week": reports.keep_weekly_days, "month": reports.keep_monthly_days}
    return KeepPolicy(tuple(reports.scheduled), reports.time_zone, {kind: timedelta(days=keep[kind]) for kind in KINDS})


def report_files(report: Report, time_zone: str, address: str) -> dict[str, bytes]:
    """Every file of a kept report: each format in each language, the message about it, and the data.

    ``address`` is the control plane as people reach it.
    """
    files = {DATA_FILE: record_json(report)}
    for language in LANGUAGES:
        document, renderer = compose(report, language, time_zone), ReportRenderer()
        files |= {file_name(language, form): renderer.render(document, form) for form in FORMATS}
        if report.period is not None:
            page_url = f"{address}/reports/{kept_id(report.period.kind, report.period.name)}?lang={language}"
            files[file_name(language, MESSAGE)] = report_message(report, language, time_zone, page_url).encode()
    return files


@asynccontextmanager
async def _keeper(settings: Settings) -> AsyncIterator[ReportKeeper]:
    """What makes and keeps reports. Raises DependencyUnreachable when PostgreSQL does not answer."""
    policy = report_policy(settings)

    async def make(period: ReportPeriod) -> Report:
        return await make_report(settings, objectives_of(settings), period)

    def files_of(report: Report) -> dict[str, bytes]:
        return report_files(report, policy.time_zone, public_url(settings))

    async with report_store(settings) as store:
        yield ReportKeeper(store, make, files_of, policy, _now)


async def make_due_reports(settings: Settings) -> tuple[KeepResult, list[SentReport]]:
    """Make and keep what is due, then send it. Raises DependencyUnreachable when PostgreSQL does not answer."""
    async with _keeper(settings) as keeper:
        made = await keeper.run()
    async with report_sender(settings) as sender:
        return made, await sender.run()


async def keep_report(settings: Settings, kind: KeptKind, period: ReportPeriod) -> KeptReport:
    """Make and keep the report of one period. Raises DependencyUnreachable when PostgreSQL does not answer."""
    async with _keeper(settings) as keeper:
        return await keeper.keep(kind, period)
