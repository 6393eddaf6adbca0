"""Composition root of live anomaly detection."""

from datetime import UTC, datetime, timedelta

from controlplane.adapters.alertmanager_gate import AlertmanagerGate
from controlplane.adapters.prometheus_points import PrometheusPoints
from controlplane.adapters.store.actions import PostgresActionLedger
from controlplane.adapters.store.anomalies import PostgresAnomalyStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.maintenance import PostgresMaintenanceStore
from controlplane.config.default_checks import local_url
from controlplane.config.default_forecasts import resources
from controlplane.config.default_watches import watches
from controlplane.config.schema import Settings
from controlplane.domain.anomaly.alerts import AlertLinks, AlertPolicy
from controlplane.domain.job import Schedule
from controlplane.services.anomaly.alerting import AnomalyAlerts
from controlplane.services.anomaly.live import LiveAnomalies, LiveOptions
from controlplane.services.anomaly.ports import AnomalyStore
from controlplane.services.anomaly.quiet import RecordedQuiet
from controlplane.services.forecasts import Forecasts
from controlplane.services.jobs import Task
from controlplane.services.rendering import rule_options

_ALERTMANAGER_SECONDS = 10.0
# Reading a week of every watch after a first start takes longest; a tick is otherwise far below a second.
_TICK_SECONDS = 1800.0


def build_anomalies(settings: Settings, database: Database, store: AnomalyStore) -> LiveAnomalies:
    """Live detection as configured; nothing is opened yet. Raises InvalidConfiguration."""
    section = settings.anomaly
    source = PrometheusPoints(
        local_url(settings, "prometheus"), section.query_timeout_seconds, section.max_concurrent_queries
    )
    gate = AlertmanagerGate(local_url(settings, "alertmanager"), _ALERTMANAGER_SECONDS)
    return LiveAnomalies(
        watches(settings) if section.enabled else [],
        source,
        store,
        AnomalyAlerts(gate, section.resend_seconds),
        RecordedQuiet(
            PostgresMaintenanceStore(database),
            PostgresActionLedger(database),
            timedelta(seconds=section.deploy_settle_seconds),
        ),
        LiveOptions(
            policy=AlertPolicy(section.least_severity, section.max_alerts),
            links=alert_links(settings),
            history_seconds=section.history_days * 86_400,
            max_series_per_watch=section.max_series_per_watch,
            save_interval_seconds=section.save_interval_seconds,
        ),
        lambda: datetime.now(UTC),
    )


def alert_links(settings: Settings) -> AlertLinks:
    """Where the links of an alert point."""
    own = settings.public_url or local_url(settings, "controlplane")
    return AlertLinks(
        prometheus=local_url(settings, "prometheus"),
        control_plane=own.rstrip("/"),
        runbook=rule_options(settings).runbook_base_url,
    )


def build_forecasts(settings: Settings) -> Forecasts:
    """Forecasts as configured. Raises InvalidConfiguration."""
    section = settings.anomaly
    source = PrometheusPoints(local_url(settings, "prometheus"), section.query_timeout_seconds, 1)
    chosen = resources(settings) if section.enabled else []
    return Forecasts(chosen, source, lambda: datetime.now(UTC), section.forecast_horizon_days)


def anomaly_tasks(
    settings: Settings, anomalies: LiveAnomalies, store: PostgresAnomalyStore, forecasts: Forecasts
) -> dict[str, Task]:
    """The scheduled tasks of live detection and forecasts; none while it is switched off."""
    section = settings.anomaly
    if not anomalies.watches:
        return {}

    async def forget() -> str:
        before = datetime.now(UTC) - timedelta(days=section.retention_days)
        return f"{await store.delete_before(before)} ended episodes deleted"

    shortest = min(watch.interval_ms for watch in anomalies.watches.values()) / 1000
    tasks = [
        Task(
            "anomalies",
            "Score the newest samples of every watched series and tell what is unusual.",
            Schedule(every_seconds=min(shortest, section.resend_seconds)),
            anomalies.tick,
            timeout_seconds=_TICK_SECONDS,
        ),
        Task(
            "forecasts",
            "Forecast when disk, database, connections, WAL and error budgets are full.",
            Schedule(every_seconds=section.forecast_interval_seconds),
            forecasts.refresh,
            timeout_seconds=_TICK_SECONDS,
        ),
        Task(
            "anomaly_retention",
            "Delete episodes that ended longer ago than configured.",
            Schedule(cron="37 3 * * *"),
            forget,
            catch_up=True,
        ),
    ]
    return {task.name: task for task in tasks}
