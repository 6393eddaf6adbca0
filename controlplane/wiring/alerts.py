"""Composition root of ``cmctl alerts`` and ``cmctl jobs``."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from controlplane.adapters.alert_files import FileAlerts
from controlplane.adapters.alert_hops import DaemonWatcher, StraightToWebhook, ThroughAlertmanager
from controlplane.adapters.daemon_api import DaemonAlerts, DaemonApi
from controlplane.adapters.token_file import read_token
from controlplane.config.default_checks import local_url
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.alert import Alert, AlertFilter, StateChange
from controlplane.errors import CmctlError
from controlplane.services.alert_test import AlertTester
from controlplane.services.ports import AlertSource

TIMEOUT_SECONDS = 10.0
Say = Callable[[str], None]


def daemon_api(settings: Settings) -> DaemonApi:
    """The daemon of this configuration."""
    layout = DataLayout(settings.data_dir)

    def token() -> str | None:
        try:
            return read_token(layout.secret("controlplane_token"))
        except CmctlError:
            return None  # reading on loopback needs none; what needs one says so

    return DaemonApi(local_url(settings, "controlplane"), TIMEOUT_SECONDS, token)


def alert_sources(settings: Settings, warn: Say) -> list[AlertSource]:
    """Where alerts can be read, best first: the daemon, PostgreSQL, the local files."""
    layout = DataLayout(settings.data_dir)
    return [
        DaemonAlerts(daemon_api(settings), warn),
        _PostgresOnce(settings, layout),
        FileAlerts(layout.alert_log, layout.journal),
    ]


def alert_tester(settings: Settings, direct: bool, say: Say) -> AlertTester:
    """A tester through Alertmanager, or straight to the webhook."""
    api = daemon_api(settings)
    alertmanager = ThroughAlertmanager(local_url(settings, "alertmanager"), TIMEOUT_SECONDS)
    return AlertTester(StraightToWebhook(api) if direct else alertmanager, DaemonWatcher(api), say)


class _PostgresOnce:
    """The store for one question: connects, asks, disconnects. The libraries are loaded only when it is needed."""

    name = "postgresql"

    def __init__(self, settings: Settings, layout: DataLayout) -> None:
        self._settings = settings
        self._layout = layout

    async def list_alerts(self, wanted: AlertFilter) -> list[Alert]:
        """The wanted alerts. Raises DependencyUnreachable, StoreRejected."""
        async with self._store() as store:
            return await store.list_alerts(wanted)

    async def history(self, fingerprint: str) -> list[StateChange]:
        """Changes of state of a fingerprint. Raises DependencyUnreachable, StoreRejected."""
        async with self._store() as store:
            return await store.history(fingerprint)

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[AlertSource]:
        from controlplane.adapters.store.alerts import PostgresAlertStore
        from controlplane.adapters.store.database import Database
        from controlplane.wiring.store import database_address

        database = Database(database_address(self._settings, self._layout), max_connections=1, migrates=False)
        try:
            await database.connect()
            yield PostgresAlertStore(database)
        finally:
            await database.close()
