"""Composition root of ``cmctl slo``: objectives from their files, samples from Prometheus."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.maintenance import PostgresMaintenanceStore
from controlplane.adapters.store.slo_days import PostgresDayStore
from controlplane.config.load import Locations, load
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.maintenance import Maintenance, exclusions_of
from controlplane.domain.slo.objective import Objective
from controlplane.errors import CmctlError
from controlplane.services.slo.assess import Assessment, Exclusions, SloAssessor
from controlplane.services.slo.ports import DayStore
from controlplane.services.slo.rollup import RollUp, RollUpResult
from controlplane.wiring.objectives import objectives_of
from controlplane.wiring.store import database_address


def read_objectives(locations: Locations, names: Sequence[str] = ()) -> list[Objective]:
    """The objectives of the profile, or those named. Raises UsageProblem for a name that is none."""
    return objectives_of(load(locations), names)


async def assess(locations: Locations, objectives: Sequence[Objective]) -> list[Assessment]:
    """Assess objectives now. Raises DependencyUnreachable when Prometheus does not answer.

    Without PostgreSQL nothing is excluded and no roll-up known, and every assessment says so.
    """
    settings = load(locations)
    database = slo_database(settings)
    try:
        entries, days, problems = await _kept(database)
        async with PrometheusSamples(settings.url("prometheus")) as source:
            assessor = SloAssessor(source, _now, slo_exclusions(entries), days, prometheus_memory(settings))
            found = await assessor.assess(objectives)
    finally:
        await database.close()
    return [replace(one, problems=(*one.problems, *problems)) for one in found]


async def roll_up(locations: Locations, objectives: Sequence[Objective], again: bool) -> RollUpResult:
    """Store the days that are over. Raises DependencyUnreachable when Prometheus or PostgreSQL does not answer."""
    settings = load(locations)
    database = slo_database(settings)
    try:
        await database.connect()
        entries = await PostgresMaintenanceStore(database).all()
        async with PrometheusSamples(settings.url("prometheus")) as source:
            work = RollUp(
                source, PostgresDayStore(database), _now, slo_exclusions(entries), prometheus_memory(settings)
            )
            return await work.run(objectives, again)
    finally:
        await database.close()


async def read_maintenance(database: Database) -> tuple[list[Maintenance], CmctlError | None]:
    """All maintenance, over a database that is connected here; while it does not answer none, and why."""
    try:
        await database.connect()
        return await PostgresMaintenanceStore(database).all(), None
    except CmctlError as error:
        return [], error


def slo_database(settings: Settings) -> Database:
    """The control plane's database for one command, not connected yet."""
    address = database_address(settings, DataLayout(settings.data_dir))
    return Database(address, max_connections=1, migrates=False)


async def _kept(database: Database) -> tuple[list[Maintenance], DayStore | None, tuple[str, ...]]:
    """Maintenance and roll-ups; while PostgreSQL does not answer neither, and a sentence that says so."""
    entries, error = await read_maintenance(database)
    if error is None:
        return entries, PostgresDayStore(database), ()
    return [], None, (f"maintenance is not known, and nothing is excluded: {error.message}",)


def slo_exclusions(entries: Sequence[Maintenance]) -> Exclusions:
    """What maintenance excludes, as the services ask for it."""
    return lambda objective, start, end: exclusions_of(entries, objective, start, end)


def prometheus_memory(settings: Settings) -> timedelta:
    """How far back Prometheus may still remember; it deletes whole blocks, and so a little late."""
    return timedelta(days=settings.prometheus.retention_days + 2)


def _now() -> datetime:
    return datetime.now(UTC)
