"""Composition root of maintenance: in the daemon, and for ``cmctl maintenance``."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from controlplane.config.default_checks import local_url
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.payload_text import PayloadProblem
from controlplane.domain.slo.objective import Objective
from controlplane.errors import CmctlError, DependencyUnreachable, UsageProblem
from controlplane.services.maintenance import MaintenanceService, as_record
from controlplane.services.maintenance_request import AddRequest, EndRequest, parse
from controlplane.services.silences import SilenceKeeper, Silencer
from controlplane.wiring.alerts import daemon_api
from controlplane.wiring.objectives import objectives_of

if TYPE_CHECKING:
    from controlplane.adapters.store.database import Database

logger = logging.getLogger(__name__)

ALERTMANAGER_SECONDS = 5.0
Record = Mapping[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class MaintenanceParts:
    """What the daemon needs."""

    service: MaintenanceService
    silences: SilenceKeeper


def build_silencer(settings: Settings) -> Silencer:
    """Alertmanager's silences."""
    from controlplane.adapters.alertmanager_silences import AlertmanagerSilences

    return AlertmanagerSilences(local_url(settings, "alertmanager"), ALERTMANAGER_SECONDS)


def build_maintenance(settings: Settings, database: "Database") -> MaintenanceParts:
    """The services over a database."""
    from controlplane.adapters.store.maintenance import PostgresMaintenanceStore

    store = PostgresMaintenanceStore(database)
    return MaintenanceParts(
        MaintenanceService(store, _now, _objectives(settings)), SilenceKeeper(store, build_silencer(settings), _now)
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _objectives(settings: Settings) -> Sequence[Objective]:
    """The objectives; a file that is wrong costs their names in the list, and nothing else."""
    try:
        return objectives_of(settings)
    except CmctlError as error:
        logger.warning("The objectives cannot be read", extra={"action": "read_objectives", "problem": error.message})
        return ()


class MaintenanceDesk:
    """``cmctl maintenance``: asks the daemon, and PostgreSQL itself when the daemon does not answer."""

    def __init__(self, settings: Settings, warn: Say) -> None:
        self._settings = settings
        self._api = daemon_api(settings)
        self._warn = warn

    async def add(self, request: Record) -> Record:
        """Enter a maintenance; the request's ``key`` makes trying twice safe."""

        async def directly(service: MaintenanceService) -> Record:
            return as_record(await service.add(parse(AddRequest, _encoded(request)).to_entry()))

        return await self._change("/api/v1/maintenance", request, directly)

    async def end(self, maintenance_id: int, request: Record) -> Record:
        """End or withdraw a maintenance."""

        async def directly(service: MaintenanceService) -> Record:
            wanted = parse(EndRequest, _encoded(request))
            return as_record(await service.end(maintenance_id, wanted.author, wanted.withdraw, wanted.ending()))

        return await self._change(f"/api/v1/maintenance/{maintenance_id}/end", request, directly)

    async def end_by_key(self, key: str, request: Record) -> Record:
        """End the maintenance of a key; one that is over already stays as it is. Raises UsageProblem."""
        known = next((one for one in await self.entries() if one["key"] == key), None)
        if known is None:
            raise UsageProblem(f"there is no maintenance with the key {key!r}", hint="see cmctl maintenance list --all")
        if known["state"] in ("over", "withdrawn") and not request.get("withdraw"):
            self._warn(f"maintenance {key} was over already")
            return known
        return await self.end(int(known["id"]), request)

    async def entries(self) -> Sequence[Record]:
        """Every entry, newest start first."""
        try:
            return list((await self._api.get("/api/v1/maintenance"))[0])
        except DependencyUnreachable as error:
            self._warn(error.message)
            async with self._service() as service:
                return [as_record(one) for one in await service.entries()]

    async def _change(
        self, path: str, request: Record, directly: Callable[[MaintenanceService], Awaitable[Record]]
    ) -> Record:
        try:
            answer: Record = await self._api.post(path, dict(request))
        except DependencyUnreachable as error:
            self._warn(error.message)
            async with self._service() as service:
                try:
                    answer = await directly(service)
                except PayloadProblem as wrong:
                    raise UsageProblem(wrong.message) from wrong
            self._warn("written to PostgreSQL; the silences follow when the control plane is back")
            return answer
        if problem := answer.get("silence_problem"):
            self._warn(f"not silenced yet, the control plane tries again: {problem}")
        return answer

    @asynccontextmanager
    async def _service(self) -> AsyncIterator[MaintenanceService]:
        from controlplane.adapters.store.database import Database
        from controlplane.wiring.store import database_address

        address = database_address(self._settings, DataLayout(self._settings.data_dir))
        database = Database(address, max_connections=1, migrates=False)
        try:
            await database.connect()
            yield build_maintenance(self._settings, database).service
        finally:
            await database.close()


def _encoded(request: Record) -> bytes:
    return json.dumps(dict(request)).encode()
