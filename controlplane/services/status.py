"""``cmctl status``: look at everything at once, directly and through the daemon, and believe no stale answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from controlplane.domain.alert import Alert
from controlplane.domain.component import ComponentStatus
from controlplane.domain.status import (
    AlertmanagerAnswer,
    DaemonAnswer,
    LastBackup,
    Seen,
    StatusForecast,
    StatusReport,
    compose,
)
from controlplane.errors import CmctlError
from controlplane.services.checks import CheckEngine, utc_now

# A daemon that has not checked anything for this many intervals is not believed.
STALE_INTERVALS = 3


class DaemonReader(Protocol):
    """The daemon's own view."""

    async def read(self) -> DaemonAnswer:
        """Its check results, the alerts that fire, the objectives. Raises CmctlError."""
        ...


class FiringAlerts(Protocol):
    """Alertmanager's view of the alerts."""

    async def firing_alerts(self) -> list[Alert]:
        """The alerts that fire now. Raises CmctlError."""
        ...


@dataclass(frozen=True)
class StatusService:
    """Gathers a report. ``stale_after_seconds`` is the age from which the daemon's checks are not believed."""

    engine: CheckEngine
    components: Callable[[], Awaitable[Sequence[ComponentStatus]]]
    daemon: DaemonReader
    alertmanager: FiringAlerts
    stale_after_seconds: float
    urls: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], datetime] = utc_now
    backup: Callable[[], LastBackup] = LastBackup
    forecasts: Callable[[], Awaitable[Sequence[StatusForecast]]] | None = None

    async def report(self) -> StatusReport:
        """The state of everything now; takes as long as the slowest check."""
        checks, components, daemon, alertmanager, forecasts = await asyncio.gather(
            self.engine.run_all(), self._components(), self._daemon(), self._alertmanager(), self._forecasts()
        )
        report = compose(
            Seen(
                self.clock(),
                checks,
                components,
                daemon,
                alertmanager,
                self.urls,
                self.stale_after_seconds,
                self.backup(),
            )
        )
        return replace(report, forecasts=forecasts)

    async def _forecasts(self) -> Sequence[StatusForecast]:
        """What the daemon forecasts; nothing when it does not say, which the report says elsewhere."""
        try:
            return await self.forecasts() if self.forecasts else ()
        except CmctlError:
            return ()

    async def _components(self) -> Sequence[ComponentStatus] | None:
        try:
            return await self.components()
        except CmctlError:
            return None

    async def _daemon(self) -> DaemonAnswer:
        try:
            return await self.daemon.read()
        except CmctlError as error:
            return DaemonAnswer(is_reachable=False, problem=error.message)

    async def _alertmanager(self) -> AlertmanagerAnswer:
        try:
            return AlertmanagerAnswer(is_reachable=True, alerts=await self.alertmanager.firing_alerts())
        except CmctlError as error:
            return AlertmanagerAnswer(is_reachable=False, problem=error.message)
