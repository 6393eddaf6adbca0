"""What the routes work with: the services, and the keys under which the application holds them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from aiohttp import web

from controlplane.domain.check import CheckResult
from controlplane.domain.slo.kept_report import KeptReport
from controlplane.services.acknowledge import Acknowledgement
from controlplane.services.actions import ActionLedger
from controlplane.services.alerts import CurrentAlerts
from controlplane.services.anomaly.live import LiveAnomalies
from controlplane.services.anomaly.ports import AnomalyStore
from controlplane.services.backup.watch import BackupWatch
from controlplane.services.flapping import FlappingWatch
from controlplane.services.forecasts import Forecasts
from controlplane.services.incidents.desk import IncidentDesk
from controlplane.services.incidents.keeper import IncidentKeeper
from controlplane.services.ingest import AlertIngest
from controlplane.services.jobs import JobService
from controlplane.services.maintenance import MaintenanceService
from controlplane.services.mover import Mover
from controlplane.services.notify.escalation import Escalation
from controlplane.services.notify.service import Notifications
from controlplane.services.ports import AlertStore
from controlplane.services.remediation.remediator import Remediator
from controlplane.services.resolve import ManualEnding
from controlplane.services.silences import SilenceKeeper
from controlplane.services.slo_board import SloBoard
from controlplane.services.standby import StandbyGuard


class DatabaseHealth(Protocol):
    """Whether the store's database can be used."""

    @property
    def is_up(self) -> bool:
        """Whether it answered last."""
        ...

    @property
    def problem(self) -> str | None:
        """Why not, or None."""
        ...


class JournalHealth(Protocol):
    """Whether alerts can be made durable."""

    last_error: str | None
    pending_records: int


class Checks(Protocol):
    """The health-check engine, as far as the daemon shows it."""

    def latest(self) -> list[CheckResult]:
        """The latest result of each check."""
        ...

    async def run_all(self) -> Sequence[CheckResult]:
        """Run every check now."""
        ...


class CheckHistory(Protocol):
    """Past results of checks."""

    async def history(self, name: str, since: datetime) -> list[CheckResult]:
        """Results of one check since a moment, oldest first. Raises DependencyUnreachable."""
        ...


class KeptReports(Protocol):
    """SLA reports that were made; nothing here makes one."""

    async def entries(self) -> list[KeptReport]:
        """Every kept report, the newest period first. Raises DependencyUnreachable."""
        ...

    async def file(self, report_id: str, name: str) -> bytes | None:
        """A file of a kept report, or None. Raises DependencyUnreachable."""
        ...


@dataclass
class HttpCounters:
    """What the server answered since it started, by route and code."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    overloaded: int = 0
    forbidden: int = 0


@dataclass(frozen=True)
class Daemon:
    """Everything a request may need."""

    version: str
    started_at: datetime
    ingest: AlertIngest
    current: CurrentAlerts
    alert_store: AlertStore
    mover: Mover
    journal: JournalHealth
    database: DatabaseHealth
    standby: StandbyGuard
    jobs: JobService
    notifications: Notifications
    acknowledgement: Acknowledgement
    ending: ManualEnding
    remediator: Remediator
    escalation: Escalation
    flapping: FlappingWatch
    incidents: IncidentDesk
    incident_keeper: IncidentKeeper
    checks: Checks
    check_history: CheckHistory
    maintenance: MaintenanceService
    silences: SilenceKeeper
    actions: ActionLedger
    anomalies: LiveAnomalies
    anomaly_store: AnomalyStore
    slo_board: SloBoard
    forecasts: Forecasts
    templates: Path
    docs: Path
    backups: BackupWatch
    reports: KeptReports
    links: tuple[tuple[str, str], ...] = ()
    http: HttpCounters = field(default_factory=HttpCounters)


DAEMON = web.AppKey("daemon", Daemon)
