"""The objectives of the profile, from their file. Apart from ``slo.py``, because the daemon has no use for numpy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controlplane.config.objectives import load_objectives
from controlplane.config.paths import DataLayout, resource_dir
from controlplane.config.schema import Settings
from controlplane.domain.slo.objective import Objective
from controlplane.errors import InvalidConfiguration, UsageProblem


def objectives_file(settings: Settings) -> Path:
    """The profile's objectives: the user's file in ``etc/objectives`` if there is one, else the shipped one."""
    shipped = resource_dir("objectives") / f"{settings.profile}.yml"
    for path in (own_objectives_file(settings, settings.profile), shipped):
        if path.exists():
            return path
    raise InvalidConfiguration(
        f"profile {settings.profile!r} has no objectives: {path} does not exist",
        hint="write it; docs/objectives.md has the schema",
    )


def own_objectives_file(settings: Settings, profile: str) -> Path:
    """Where the user's objectives of a profile would be."""
    return DataLayout(settings.data_dir).etc / "objectives" / f"{profile}.yml"


def own_rules(settings: Settings) -> dict[str, Any] | None:
    """The rules of the user's own objectives of the profile; None when there are none.

    Raises InvalidConfiguration with every problem of the file.
    """
    path = own_objectives_file(settings, settings.profile)
    if not path.exists():
        return None
    from controlplane.services.slo.rules import generate  # numpy: only for those who need it

    return generate(load_objectives(path, settings.prometheus.scrape_interval_seconds))


def objectives_of(settings: Settings, names: Sequence[str] = ()) -> list[Objective]:
    """The objectives of the profile, or those named. Raises UsageProblem for a name that is none."""
    objectives = load_objectives(objectives_file(settings), settings.prometheus.scrape_interval_seconds)
    known = [objective.name for objective in objectives]
    for name in names:
        if name not in known:
            raise UsageProblem(f"no objective is named {name!r}", hint=f"there are: {', '.join(known)}")
    return [objective for objective in objectives if not names or objective.name in names]
