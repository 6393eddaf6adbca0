"""Composition root of ``cmctl restore``."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from controlplane.adapters.backup.catalogue import Catalogue
from controlplane.adapters.backup.recovery import Recovery
from controlplane.adapters.backup.restore_sets import RestoreSets
from controlplane.adapters.backup.vectors import VectorSnapshots
from controlplane.adapters.backup.wal_archive import WalArchive
from controlplane.adapters.backup.workshop import RestoreWorkshop
from controlplane.adapters.data_directory import DataDirectory
from controlplane.adapters.embedded_postgresql import SUPERUSER
from controlplane.adapters.processes import stack_environment
from controlplane.config.default_checks import components_here
from controlplane.config.load import Locations, parse, read_yaml
from controlplane.config.paths import DataLayout
from controlplane.config.schema import COMPONENTS, Settings
from controlplane.domain.backup.restoring import RestorePart
from controlplane.errors import InvalidConfiguration, Refused
from controlplane.services.backup.create import CONTROLPLANE_TABLES, MEMORY_TABLES
from controlplane.services.backup.ports import Progress
from controlplane.services.backup.restore import Restorer
from controlplane.services.backup.restore_plan import RestorePlanner
from controlplane.services.backup.restore_ports import Components
from controlplane.wiring.backup_place import backup_place, memory_server_environment
from controlplane.wiring.embedded import EmbeddedStack
from controlplane.wiring.restore_host import HostComponents, HostRestoreSets, require_fit_for_restore
from controlplane.wiring.stack import service_manager

START_SECONDS = 300.0


@dataclass(frozen=True)
class StackComponents:
    """Implements ``Components`` with the embedded stack's own start and stop."""

    stack: EmbeddedStack
    settings: Settings
    vectors: VectorSnapshots

    def running(self) -> list[str]:
        """Components that run."""
        statuses = service_manager(self.settings).statuses()
        return [status.component for status in statuses if status.state.is_alive]

    def stop(self, components: Sequence[str]) -> None:
        """Stop them; PostgreSQL's last record still reaches the WAL receiver."""
        last = [name for name in ("postgresql", "wal_receiver") if name in components]
        for group in ([name for name in components if name not in last], *([name] for name in last)):
            if group:
                self.stack.down(group, START_SECONDS)

    def start(self, components: Sequence[str]) -> list[str]:
        """Start them and wait until each is healthy; everything when nothing is named."""
        report, _ = self.stack.up(components, None, START_SECONDS)
        wanted = components or COMPONENTS
        return [f"{name} is not healthy" for name in wanted if name not in report.healthy]

    def reconcile(self) -> tuple[int, int]:
        """Have the memory server compare its vectors with PostgreSQL, and repair them."""
        found = self.vectors.reconcile()
        return int(str(found["missing"])), int(str(found["surplus"]))


def restorer(
    settings: Settings,
    locations: Locations,
    progress: Progress,
    into: Path | None = None,
    programs: Path | None = None,
) -> tuple[RestorePlanner, Restorer]:
    """Restores sets in place, or ``into`` a folder, then also with other ``programs``. Raises Refused, CmctlError."""
    layout, place = DataLayout(settings.data_dir), backup_place(settings, locations)
    if programs is not None:  # what the configuration here says is for another version
        place = replace(place, programs=programs.absolute(), start_settings=())
    is_embedded = settings.mode == "embedded"
    password = _prepared_stack(layout) if is_embedded else None
    catalogue, archive = Catalogue(settings.backup_directory), WalArchive(settings.backup_directory / "wal")
    if is_embedded:
        catalogue.create()
    else:
        require_fit_for_restore(place, into or layout.data_dir)
    live: dict[RestorePart, Path] = {
        "postgresql": place.data,
        "vectors": layout.vectors,
        "configuration": layout.etc,
    }
    target = into or layout.data_dir
    target.mkdir(parents=True, exist_ok=True)
    recovery = Recovery(
        # On a deployed host, the archive is the control plane's: what may read that, may read the rest.
        runner=place.runner(target if is_embedded else catalogue.folder, progress.note),
        programs=place.programs,
        environment=stack_environment(os.environ, settings.data_dir),
        superuser=SUPERUSER,
        superuser_password=password,
        settings=place.start_settings,
    )
    workshop = RestoreWorkshop(
        catalogue=catalogue,
        archive=archive,
        recovery=recovery,
        live=live,
        staging=into or layout.restoring,
        aside=layout.replaced,
        journal_file=layout.restore_journal,
        tables={
            settings.postgresql.memory_database: MEMORY_TABLES,
            settings.postgresql.controlplane_database: CONTROLPLANE_TABLES,
        },
        require_usable=partial(require_usable_configuration, settings) if into is None else lambda _: None,
        owner_of_vectors=place.owner_of_vectors(),
    )
    command = Path(sys.executable).parent / "claude-memory-mcp"
    components: Components
    if is_embedded:
        vectors = VectorSnapshots(command, layout.etc / "mcp.yml")
        components = StackComponents(EmbeddedStack(locations, _Quiet(progress.note)), settings, vectors)
        sets = RestoreSets(catalogue, archive, place.programs)
    else:
        vectors = VectorSnapshots(command, layout.etc / "mcp.yml", memory_server_environment())
        components = HostComponents(service_manager(settings), vectors, components_here(settings), START_SECONDS)
        sets = HostRestoreSets(catalogue, archive, place.programs)
    places = {part: str(path) for part, path in live.items()}
    planner = RestorePlanner(sets, components, settings.data_dir.name, places, _now)
    return planner, Restorer(sets, workshop, components, _now)


def require_usable_configuration(settings: Settings, etc: Path) -> None:
    """A configuration of another version may hold what this one does not know: then nothing would start, or go back."""
    if settings.mode == "deployed":
        raise Refused(
            "the configuration of a deployed host belongs to its inventory",
            hint="run site.yml; to look at that of the set: --only configuration --to DIRECTORY",
        )
    file = etc / "cmctl.yml"
    if not file.exists():
        return
    try:
        parse({**read_yaml(file), "data_dir": str(settings.data_dir)}, str(file))
    except InvalidConfiguration as error:
        raise Refused(
            f"the configuration of that set does not fit this version: {'; '.join(error.problems) or error.message}",
            hint="restore it beside with --only configuration --to DIRECTORY, and take over by hand what is wanted",
        ) from error


def _now() -> datetime:
    return datetime.now(UTC)


def _prepared_stack(layout: DataLayout) -> str:
    """Make the stack's folders and secrets where they are missing; the superuser's password."""
    directory = DataDirectory(layout)
    directory.create()
    directory.ensure_secrets()
    return directory.read_secret("postgresql_superuser_password")


@dataclass(frozen=True)
class _Quiet:
    """Starting and stopping is one stage here: only notes are passed on."""

    note: Callable[[str], None]

    def component(self, name: str, text: str, is_done: bool) -> None:
        """Left out."""
