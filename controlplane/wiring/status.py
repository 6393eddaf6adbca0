"""Composition root of ``cmctl status``."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controlplane.config.default_checks import HEALTH_PAGES, local_url
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.backup.limits import drill_status
from controlplane.domain.status import LastBackup, last_backup
from controlplane.errors import CmctlError
from controlplane.wiring.backup import backup_files, backup_limits
from controlplane.wiring.checks import build_engine
from controlplane.wiring.stack import service_manager

if TYPE_CHECKING:
    from controlplane.services.status import StatusService


def build_status(settings: Settings, layout: DataLayout) -> "StatusService":
    """The service behind ``cmctl status``."""
    from controlplane.adapters.alertmanager import AlertmanagerClient
    from controlplane.adapters.daemon_client import DaemonClient
    from controlplane.adapters.threads import in_thread
    from controlplane.services.status import STALE_INTERVALS, StatusService

    manager = service_manager(settings)
    timeout_seconds = settings.checks.timeout_seconds
    token_file = layout.secret("controlplane_token")

    def token() -> str | None:
        try:
            return token_file.read_text(encoding="utf-8").strip()
        except OSError:
            return None

    daemon = DaemonClient(local_url(settings, "controlplane"), timeout_seconds, token)
    return StatusService(
        engine=build_engine(settings, layout, service_manager=manager),
        components=lambda: in_thread(manager.statuses, "component statuses"),
        daemon=daemon,
        forecasts=daemon.forecasts,
        alertmanager=AlertmanagerClient(local_url(settings, "alertmanager"), timeout_seconds),
        stale_after_seconds=STALE_INTERVALS * settings.checks.interval_seconds + timeout_seconds,
        backup=lambda: _last_backup(settings),
        urls={component: local_url(settings, component) for component in HEALTH_PAGES},
    )


def _last_backup(settings: Settings) -> LastBackup:
    try:
        overview = backup_files(settings).overview()
    except CmctlError as error:  # the sets of a deployed host are not for everybody
        return LastBackup(message=f"not known: {error.message}")
    limits, now = backup_limits(settings), datetime.now(UTC)
    return replace(last_backup(overview.newest, now, limits.max_age), drill=drill_status(overview, limits, now))
