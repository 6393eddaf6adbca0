"""Composition root of ``cmctl serve``: every part of the daemon, and the one table of its tasks."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

from aiohttp import web

from controlplane.adapters.alert_files import left_over_alerts
from controlplane.adapters.alert_log import FileAlertLog, RejectedFolder, read_tail
from controlplane.adapters.instance_lock import only_instance
from controlplane.adapters.journal import SegmentJournal
from controlplane.adapters.store.acks import PostgresAcks
from controlplane.adapters.store.actions import PostgresActionLedger
from controlplane.adapters.store.active_lock import PostgresActiveLock
from controlplane.adapters.store.alerts import PostgresAlertStore
from controlplane.adapters.store.anomalies import PostgresAnomalyStore
from controlplane.adapters.store.checks import PostgresCheckStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.jobs import PostgresJobLedger
from controlplane.adapters.store.outbox import PostgresOutbox
from controlplane.adapters.store.slo_reports import PostgresReportStore
from controlplane.adapters.token_file import ensure_token
from controlplane.config.load import Locations
from controlplane.config.paths import DataLayout, resource_dir
from controlplane.config.schema import Settings
from controlplane.daemon.app import build_app
from controlplane.daemon.context import Daemon
from controlplane.daemon.scheduler import Scheduler, SchedulerTimetable
from controlplane.daemon.server import serve
from controlplane.domain.alert import AlertFilter
from controlplane.domain.job import Schedule
from controlplane.errors import CmctlError
from controlplane.services.acknowledge import Acknowledgement
from controlplane.services.alerts import MAX_ALERTS_IN_MEMORY, CurrentAlerts
from controlplane.services.backup.watch import BackupWatch
from controlplane.services.checks import CheckEngine
from controlplane.services.ingest import AlertIngest, ReceiptClock
from controlplane.services.jobs import JobService, Task
from controlplane.services.mover import Mover
from controlplane.services.notify.service import Notifications
from controlplane.services.recall import recall
from controlplane.services.reconcile import Reconciliation
from controlplane.services.resolve import ManualEnding
from controlplane.services.retention import History, Retention
from controlplane.services.silences import SilenceKeeper
from controlplane.services.standby import StandbyGuard, work_while_allowed
from controlplane.wiring.anomalies import anomaly_tasks, build_anomalies, build_forecasts
from controlplane.wiring.backup import backup_files, backup_limits, makes_backups
from controlplane.wiring.backup_tasks import backup_tasks
from controlplane.wiring.checks import build_engine
from controlplane.wiring.flapping import build_flapping_watch, flapping_limits
from controlplane.wiring.incidents import IncidentParts, build_incidents
from controlplane.wiring.maintenance import build_maintenance
from controlplane.wiring.notifications import build_notifications, notification_tasks, wants_notifications
from controlplane.wiring.planned_work import work_task
from controlplane.wiring.reconcile import alertmanagers, build_reconciliation
from controlplane.wiring.remediation import build_remediator
from controlplane.wiring.report_task import report_task
from controlplane.wiring.slo_board import build_slo_board, slo_tasks
from controlplane.wiring.store import database_address

logger = logging.getLogger(__name__)

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Parts:
    """The objects of one daemon, joined but not started."""

    daemon: Daemon
    journal: SegmentJournal
    database: Database
    mover: Mover
    alert_log: FileAlertLog
    scheduler: Scheduler
    clock: ReceiptClock


def run_daemon(settings: Settings, locations: Locations) -> None:
    """Run the control plane in the foreground until a signal ends it.

    Raises Refused when one already runs on the data directory, CmctlError when
    the port is taken or the directory cannot be used.
    """
    layout = DataLayout(settings.data_dir)
    with only_instance(layout.run / "controlplane.lock"):
        token = ensure_token(layout.secret("controlplane_token"))
        asyncio.run(_serve(settings, locations, layout, token))


async def _serve(settings: Settings, locations: Locations, layout: DataLayout, token: str) -> None:
    parts = build_parts(settings, locations, layout)
    app = build_app(
        parts.daemon,
        token,
        max_body_bytes=settings.webhook.max_body_bytes,
        max_concurrent_requests=settings.http.max_concurrent_requests,
    )

    listening = asyncio.Event()

    async def resources(_: web.Application) -> AsyncIterator[None]:
        async with running(parts, settings, layout, listening):
            yield

    app.cleanup_ctx.append(resources)
    await serve(app, settings.listen_host, settings.port("controlplane"), listening)


def build_parts(settings: Settings, locations: Locations, layout: DataLayout) -> Parts:
    """Join everything. Call inside the event loop; nothing is opened yet."""
    clock = ReceiptClock()
    database = Database(database_address(settings, layout))
    journal = SegmentJournal(layout.journal, settings.webhook.journal_max_mb * MEGABYTE)
    alert_store = PostgresAlertStore(database, wants_notifications(settings), flapping_limits(settings))
    check_store, outbox = PostgresCheckStore(database), PostgresOutbox(database)
    templates, docs = resource_dir("templates"), resource_dir("docs")
    lock = PostgresActiveLock(database_address(settings, layout), database, lambda: journal.journal_id)
    standby = StandbyGuard(lock, database)
    notifications = build_notifications(settings, layout, database, standby, alert_store, templates, docs)
    ledger, actions = PostgresJobLedger(database), PostgresActionLedger(database)
    incidents, alert_log = build_incidents(settings, database), FileAlertLog(layout.alert_log)
    rejected, current = RejectedFolder(layout.rejected), CurrentAlerts()
    mover = Mover(journal, alert_store, rejected, partial(_alerts_moved, notifications, incidents))
    engine = build_engine(settings, layout, check_store)
    anomaly_store, forecasts = PostgresAnomalyStore(database), build_forecasts(settings)
    anomalies = build_anomalies(settings, database, anomaly_store)
    retention = _retention(settings, alert_store, [check_store, ledger])
    ingest = AlertIngest(
        journal, current, alert_log, rejected, clock, settings.webhook.max_annotation_bytes, notifications.alerts_heard
    )
    reconciliation = build_reconciliation(settings, current, ingest)
    maintenance, slo_board = build_maintenance(settings, database), build_slo_board(locations)
    tasks = {
        **task_table(settings, engine, retention, mover, reconciliation, maintenance.silences),
        **slo_tasks(settings, slo_board),
        **(backup_tasks(settings, locations) if makes_backups(settings) else {}),
        **notification_tasks(settings, notifications, outbox),
        "slo_reports": report_task(locations, notifications.something_to_send),
        "planned_work": work_task(layout, database),
        **anomaly_tasks(settings, anomalies, anomaly_store, forecasts),
    }
    timetable = SchedulerTimetable()
    jobs = JobService(tasks, ledger, timetable, _now)
    is_all_moved, on_calm = lambda: journal.pending_records == 0, partial(notifications.alerts_moved, is_all=False)
    daemon = Daemon(
        version=version("claude-memory-controlplane"),
        started_at=datetime.now(UTC),
        ingest=ingest,
        current=current,
        alert_store=alert_store,
        mover=mover,
        journal=journal,
        database=database,
        standby=standby,
        jobs=jobs,
        notifications=notifications,
        escalation=notifications.escalation,
        flapping=build_flapping_watch(settings, database, is_all_moved, on_calm),
        incidents=incidents.desk,
        incident_keeper=incidents.keeper,
        acknowledgement=Acknowledgement(PostgresAcks(database), _now),
        remediator=build_remediator(settings, locations, database, alert_store),
        ending=ManualEnding(alert_store, ingest, alertmanagers(settings), actions, _now),
        checks=engine,
        check_history=check_store,
        maintenance=maintenance.service,
        silences=maintenance.silences,
        actions=actions,
        anomalies=anomalies,
        anomaly_store=anomaly_store,
        slo_board=slo_board,
        templates=templates,
        docs=docs,
        forecasts=forecasts,
        backups=BackupWatch(backup_files(settings), backup_limits(settings)),
        reports=PostgresReportStore(database),
        links=(("Prometheus", settings.url("prometheus")), ("Alertmanager", settings.url("alertmanager"))),
    )
    return Parts(daemon, journal, database, mover, alert_log, Scheduler(jobs, timetable, tasks.values()), clock)


def _alerts_moved(notifications: Notifications, incidents: IncidentParts, is_all: bool) -> None:
    notifications.alerts_moved(is_all)
    incidents.keeper.wake()


def _now() -> datetime:
    return datetime.now(UTC)


def _retention(settings: Settings, alerts: PostgresAlertStore, histories: Sequence[History]) -> Retention:
    alerts_days, history_days = settings.webhook.alerts_retention_days, settings.checks.history_days
    return Retention(alerts, histories, timedelta(days=alerts_days), timedelta(days=history_days))


def task_table(
    settings: Settings,
    engine: CheckEngine,
    retention: Retention,
    mover: Mover,
    reconciliation: Reconciliation,
    silences: SilenceKeeper,
) -> dict[str, Task]:
    """The scheduled tasks that belong to no part of its own."""

    async def run_checks() -> str:
        results = await engine.run_all()
        return f"{len(results)} checks"

    async def move_journal() -> str:
        return f"{await mover.move_pending()} records moved"

    tasks = [
        Task(
            "health_checks",
            "Run every health check.",
            Schedule(every_seconds=settings.checks.interval_seconds),
            run_checks,
            timeout_seconds=max(60.0, settings.checks.timeout_seconds * 2),
        ),
        Task(
            "journal_move",
            "Move what is left in the journal to PostgreSQL; new alerts are moved at once anyway.",
            Schedule(every_seconds=300),
            move_journal,
        ),
        Task(
            "alert_reconciliation",
            "End alerts that Alertmanager does not know any more: their resolved notification was lost.",
            Schedule(every_seconds=settings.alertmanager.reconcile_interval_seconds),
            reconciliation.run,
            timeout_seconds=60,
        ),
        Task(
            "maintenance_silences",
            "Make and expire Alertmanager's silences as maintenance begins and ends.",
            Schedule(every_seconds=30),
            silences.reconcile,
            timeout_seconds=60,
        ),
        Task(
            "retention",
            "Delete resolved alerts, check results and ledger entries that are older than configured.",
            Schedule(cron="17 3 * * *"),
            retention.run,
            catch_up=True,
        ),
    ]
    return {task.name: task for task in tasks}


@contextlib.asynccontextmanager
async def running(
    parts: Parts, settings: Settings, layout: DataLayout, listening: asyncio.Event
) -> AsyncIterator[None]:
    """Start the parts; on the way out stop them in the order that loses nothing."""
    _recall(parts, layout)
    parts.journal.open()
    standby = parts.daemon.standby
    background = [
        asyncio.create_task(_once_tried(parts.database, standby.run()), name="standby"),
        asyncio.create_task(parts.database.run(), name="database"),
        asyncio.create_task(_once_tried(parts.database, parts.mover.run()), name="mover"),
        asyncio.create_task(parts.daemon.backups.run(partial(_note_successes, parts)), name="backups"),
    ]
    with_incidents = settings.incidents.enabled
    work = asyncio.create_task(
        work_while_allowed(standby, lambda: _working(parts, with_incidents, listening)), name="work"
    )
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await parts.journal.close()
        await _move_the_rest(parts)
        for task in reversed(background):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        parts.alert_log.close()


@contextlib.asynccontextmanager
async def _working(parts: Parts, with_incidents: bool, listening: asyncio.Event) -> AsyncIterator[None]:
    """What only one daemon on a store may do: run jobs, tell people, keep incidents, try remedies."""
    jobs = parts.daemon.jobs
    begun_at = datetime.now(UTC)
    async with parts.daemon.notifications.running():
        parts.scheduler.start()
        beside = [
            asyncio.create_task(_follow_database(parts, begun_at), name="take-over"),
            asyncio.create_task(_run_first_checks(jobs, listening)),
            asyncio.create_task(parts.daemon.flapping.run(), name="flapping"),
        ]
        if with_incidents:
            beside.append(asyncio.create_task(parts.daemon.incident_keeper.run(), name="incidents"))
        if parts.daemon.remediator.remedies:
            beside.append(asyncio.create_task(parts.daemon.remediator.run(), name="remediation"))
        try:
            yield
        finally:
            parts.scheduler.stop()
            await jobs.stop()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def _once_tried(database: Database, work: Coroutine[Any, Any, None]) -> None:
    """Give PostgreSQL the chance to be there before anybody complains that it is not."""
    try:
        await database.wait_until_tried()
    except asyncio.CancelledError:
        work.close()
        raise
    await work


async def _run_first_checks(jobs: JobService, listening: asyncio.Event) -> None:
    """Look at everything, ourselves included, at the start instead of waiting for the first time it is due."""
    await listening.wait()
    with contextlib.suppress(CmctlError):
        await jobs.run("health_checks", "schedule")


async def _note_successes(parts: Parts) -> None:
    """A backup that somebody made by hand counts, too."""
    if parts.database.is_up:
        with contextlib.suppress(CmctlError):
            await parts.daemon.jobs.refresh_successes()


async def _move_the_rest(parts: Parts) -> None:
    """Leave an empty journal behind when PostgreSQL answers; the records are safe either way."""
    if parts.database.is_up:
        with contextlib.suppress(CmctlError, TimeoutError):
            async with asyncio.timeout(5):
                await parts.mover.move_pending()


def _recall(parts: Parts, layout: DataLayout) -> None:
    daemon = parts.daemon
    logged, left_over = read_tail(layout.alert_log), left_over_alerts(layout.journal)
    recall(daemon.current, parts.clock, parts.alert_log, logged, left_over, daemon.notifications.alerts_heard)


async def _follow_database(parts: Parts, begun_at: datetime) -> None:
    """Whenever the store is ours: the first time take the ledger over, always write what waited."""
    taken_over = False
    while True:
        await parts.database.wait_until_up()
        await parts.daemon.standby.wait_until_up()
        try:
            if not taken_over:
                await _take_over(parts, begun_at)
                taken_over = True
            await parts.daemon.jobs.reconnect()
        except CmctlError as error:
            logger.warning("PostgreSQL left again", extra={"action": "take_over", "problem": error.message})
        await parts.database.wait_until_down()


async def _take_over(parts: Parts, begun_at: datetime) -> None:
    # What memory calls firing is in the journal already. Looked at before the wait, so that an alert which comes in
    # meanwhile is not taken for one that the store has ended.
    known_before = parts.daemon.current.firing()
    while not await parts.mover.wait_until_moved(timeout_seconds=30):
        logger.warning("Alerts of before are still being stored", extra={"action": "take_over"})
    firing = AlertFilter(state="firing", limit=MAX_ALERTS_IN_MEMORY)
    parts.daemon.current.reconcile(await parts.daemon.alert_store.list_alerts(firing), known_before)
    await parts.daemon.jobs.take_over(begun_at)
