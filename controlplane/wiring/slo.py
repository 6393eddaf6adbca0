"""Composition root of ``cmctl slo``: objectives from their files, samples from Prometheus."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.maintenance import PostgresMaintenanceStore
from controlplane.config.load import Locations, load
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.maintenance import Exclusion, Maintenance, exclusions_of
from controlplane.domain.slo.objective import Objective
from controlplane.errors import CmctlError
from controlplane.services.slo.assess import Assessment, SloAssessor
from controlplane.wiring.objectives import objectives_of
from controlplane.wiring.store import database_address


def read_objectives(locations: Locations, names: Sequence[str] = ()) -> list[Objective]:
    """The objectives of the profile, or those named. Raises UsageProblem for a name that is none."""
    return objectives_of(load(locations), names)


async def assess(locations: Locations, objectives: Sequence[Objective]) -> list[Assessment]:
    """Assess objectives now. Raises DependencyUnreachable when Prometheus does not answer.

    Without PostgreSQL nothing is excluded, and every assessment says so.
    """
    settings = load(locations)
    entries, error = await read_maintenance(settings)
    problem = (f"maintenance is not known, and nothing is excluded: {error.message}",) if error else ()

    def exclusions(objective: Objective, start: datetime, end: datetime) -> Sequence[Exclusion]:
        return exclusions_of(entries, objective, start, end)

    async with PrometheusSamples(settings.url("prometheus")) as source:
        found = await SloAssessor(source, lambda: datetime.now(UTC), exclusions).assess(objectives)
    return [replace(one, problems=(*one.problems, *problem)) for one in found]


async def read_maintenance(settings: Settings) -> tuple[list[Maintenance], CmctlError | None]:
    """All maintenance; while PostgreSQL does not answer none, and why."""
    database = Database(database_address(settings, DataLayout(settings.data_dir)), max_connections=1, migrates=False)
    try:
        await database.connect()
        return await PostgresMaintenanceStore(database).all(), None
    except CmctlError as error:
        return [], error
    finally:
        await database.close()
