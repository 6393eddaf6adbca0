"""Composition root of ``cmctl slo``: objectives from their files, samples from Prometheus."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from controlplane.adapters.prometheus_samples import PrometheusSamples
from controlplane.config.load import Locations, load
from controlplane.config.objectives import load_objectives
from controlplane.config.paths import DataLayout, resource_dir
from controlplane.domain.slo.objective import Objective
from controlplane.errors import InvalidConfiguration, UsageProblem
from controlplane.services.slo.assess import Assessment, SloAssessor


def objectives_file(locations: Locations) -> Path:
    """The profile's objectives: the user's file in ``etc/objectives`` if there is one, else the shipped one."""
    profile = load(locations).profile
    for folder in (DataLayout(locations.data_dir).etc / "objectives", resource_dir("objectives")):
        path = folder / f"{profile}.yml"
        if path.exists():
            return path
    raise InvalidConfiguration(
        f"profile {profile!r} has no objectives: {path} does not exist",
        hint="write it; docs/objectives.md has the schema",
    )


def read_objectives(locations: Locations, names: Sequence[str] = ()) -> list[Objective]:
    """The objectives of the profile, or those named. Raises UsageProblem for a name that is none."""
    step_seconds = load(locations).prometheus.scrape_interval_seconds
    objectives = load_objectives(objectives_file(locations), step_seconds)
    known = [objective.name for objective in objectives]
    for name in names:
        if name not in known:
            raise UsageProblem(f"no objective is named {name!r}", hint=f"there are: {', '.join(known)}")
    return [objective for objective in objectives if not names or objective.name in names]


async def assess(locations: Locations, objectives: Sequence[Objective]) -> list[Assessment]:
    """Assess objectives now. Raises DependencyUnreachable when Prometheus does not answer."""
    async with PrometheusSamples(load(locations).url("prometheus")) as source:
        return await SloAssessor(source, lambda: datetime.now(UTC)).assess(objectives)
