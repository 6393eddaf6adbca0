"""Composition root of incidents: in the daemon, and for ``cmctl incident``."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.payload_text import PayloadProblem
from controlplane.errors import DependencyUnreachable, UsageProblem
from controlplane.services.incidents.desk import IncidentDesk
from controlplane.services.incidents.keeper import IncidentKeeper
from controlplane.services.incidents.ports import IncidentFilter
from controlplane.services.incidents.record import file_record, incident_record
from controlplane.services.incidents.requests import CloseRequest, NoteRequest, OpenRequest, ReopenRequest
from controlplane.services.maintenance_request import parse
from controlplane.wiring.alerts import daemon_api
from controlplane.wiring.maintenance import build_silencer

if TYPE_CHECKING:
    from controlplane.adapters.store.database import Database

Record = Mapping[str, Any]
Say = Callable[[str], None]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class IncidentParts:
    """What the daemon needs."""

    desk: IncidentDesk
    keeper: IncidentKeeper


def build_incidents(settings: Settings, database: "Database") -> IncidentParts:
    """The services over a database."""
    from controlplane.adapters.store.incidents import PostgresIncidents

    store, section = PostgresIncidents(database), settings.incidents
    desk = IncidentDesk(store, build_silencer(settings), settings.profile, _now)
    keeper = IncidentKeeper(
        store,
        desk,
        settings.profile,
        timedelta(seconds=section.join_window_seconds),
        timedelta(hours=section.close_after_hours),
        _now,
    )
    return IncidentParts(desk, keeper)


def _now() -> datetime:
    return datetime.now(UTC)


class IncidentCounter:
    """``cmctl incident``: asks the daemon, and PostgreSQL itself when the daemon does not answer."""

    def __init__(self, settings: Settings, warn: Say) -> None:
        self._settings = settings
        self._api = daemon_api(settings)
        self._warn = warn

    async def list_incidents(self, state: str | None, since: datetime | None, limit: int) -> Sequence[Record]:
        """The wanted incidents, newest first."""

        async def directly(desk: IncidentDesk) -> Sequence[Record]:
            wanted = IncidentFilter(state=state, since=since, limit=limit)  # type: ignore[arg-type] # click has checked
            return [incident_record(one) for one in await desk.list_incidents(wanted)]

        query = [("state", state), ("since", since.isoformat() if since else None), ("limit", str(limit))]
        given = [(name, value) for name, value in query if value is not None]
        return await self._ask(lambda: self._get("/api/v1/incidents", given), directly)

    async def show(self, number: str) -> Record:
        """One incident with everything about it."""

        async def directly(desk: IncidentDesk) -> Record:
            return file_record(await desk.show(number))

        return await self._ask(lambda: self._get(_path(number), []), directly)

    async def open(self, request: Record) -> Record:
        """Open one by hand."""

        async def directly(desk: IncidentDesk) -> Record:
            wanted = parse(OpenRequest, _encoded(request))
            began_at = wanted.began_at.astimezone(UTC) if wanted.began_at else None
            return incident_record(
                await desk.open(wanted.title, wanted.priority, wanted.service, wanted.author, began_at)
            )

        return await self._ask(lambda: self._api.post("/api/v1/incidents", dict(request)), directly)

    async def note(self, number: str, request: Record) -> Record:
        """Write a note; the request's ``key`` makes trying twice safe."""

        async def directly(desk: IncidentDesk) -> Record:
            wanted = parse(NoteRequest, _encoded(request))
            return file_record(await desk.note(number, wanted.author, wanted.text, wanted.kind, wanted.key))

        return await self._ask(lambda: self._api.post(_path(number, "note"), dict(request)), directly)

    async def close(self, number: str, request: Record) -> Record:
        """Close it."""

        async def directly(desk: IncidentDesk) -> Record:
            wanted = parse(CloseRequest, _encoded(request))
            return file_record(await desk.close(number, wanted.author, wanted.reason, wanted.anyway))

        return await self._ask(lambda: self._api.post(_path(number, "close"), dict(request)), directly)

    async def reopen(self, number: str, request: Record) -> Record:
        """Open it again."""

        async def directly(desk: IncidentDesk) -> Record:
            wanted = parse(ReopenRequest, _encoded(request))
            return file_record(await desk.reopen(number, wanted.author, wanted.reason))

        return await self._ask(lambda: self._api.post(_path(number, "reopen"), dict(request)), directly)

    async def _get(self, path: str, query: Sequence[tuple[str, str]]) -> Any:
        return (await self._api.get(path, query))[0]

    async def _ask(
        self, of_the_daemon: Callable[[], Awaitable[Any]], directly: Callable[[IncidentDesk], Awaitable[Answer]]
    ) -> Answer:
        try:
            answer: Answer = await of_the_daemon()
            return answer
        except DependencyUnreachable as error:
            self._warn(error.message)
        async with self._desk() as desk:
            try:
                return await directly(desk)
            except PayloadProblem as wrong:
                raise UsageProblem(wrong.message) from wrong

    @asynccontextmanager
    async def _desk(self) -> AsyncIterator[IncidentDesk]:
        from controlplane.adapters.store.database import Database
        from controlplane.wiring.store import database_address

        address = database_address(self._settings, DataLayout(self._settings.data_dir))
        database = Database(address, max_connections=1, migrates=False)
        try:
            await database.connect()
            yield build_incidents(self._settings, database).desk
        finally:
            await database.close()


def _path(number: str, verb: str = "") -> str:
    path = f"/api/v1/incidents/{quote(number, safe='')}"
    return f"{path}/{verb}" if verb else path


def _encoded(request: Record) -> bytes:
    return json.dumps(dict(request)).encode()
