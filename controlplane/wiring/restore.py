"""Composition root of ``cmctl restore``."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from controlplane.adapters.toolchain import postgresql_bin
from controlplane.adapters.unprivileged import runner
from controlplane.config.load import Locations, parse, read_yaml
from controlplane.config.paths import DataLayout
from controlplane.config.schema import COMPONENTS, Settings
from controlplane.domain.backup.restoring import RestorePart
from controlplane.errors import InvalidConfiguration, Refused
from controlplane.services.backup.create import CONTROLPLANE_TABLES, MEMORY_TABLES
from controlplane.services.backup.ports import Progress
from controlplane.services.backup.restore import Restorer
from controlplane.services.backup.restore_plan import RestorePlanner
from controlplane.wiring.backup import require_embedded
from controlplane.wiring.embedded import EmbeddedStack
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
    settings: Settings, locations: Locations, progress: Progress, into: Path | None = None
) -> tuple[RestorePlanner, Restorer]:
    """Restores sets in place, or ``into`` a folder. Raises Refused for a deployed system, CmctlError."""
    require_embedded(settings)
    layout = DataLayout(settings.data_dir)
    directory = DataDirectory(layout)
    directory.create()
    directory.ensure_secrets()
    catalogue, archive = Catalogue(settings.backup_directory), WalArchive(settings.backup_directory / "wal")
    catalogue.create()
    live: dict[RestorePart, Path] = {
        "postgresql": layout.postgresql,
        "vectors": layout.vectors,
        "configuration": layout.etc,
    }
    place = into or layout.data_dir
    place.mkdir(parents=True, exist_ok=True)
    recovery = Recovery(
        runner=runner(postgresql_bin(), place, progress.note),
        programs=postgresql_bin(),
        environment=stack_environment(os.environ, settings.data_dir),
        superuser=SUPERUSER,
        superuser_password=directory.read_secret("postgresql_superuser_password"),
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
    )
    command = Path(sys.executable).parent / "claude-memory-mcp"
    stack = EmbeddedStack(locations, _Quiet(progress.note))
    sets = RestoreSets(catalogue, archive, postgresql_bin())
    components = StackComponents(stack, settings, VectorSnapshots(command, layout.etc / "mcp.yml"))
    places = {part: str(path) for part, path in live.items()}
    planner = RestorePlanner(sets, components, settings.data_dir.name, places, _now)
    return planner, Restorer(sets, workshop, components, _now)


def require_usable_configuration(settings: Settings, etc: Path) -> None:
    """A configuration of another version may hold what this one does not know: then nothing would start, or go back."""
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


@dataclass(frozen=True)
class _Quiet:
    """Starting and stopping is one stage here: only notes are passed on."""

    note: Callable[[str], None]

    def component(self, name: str, text: str, is_done: bool) -> None:
        """Left out."""
