"""Composition root of ``cmctl up`` and ``cmctl down``."""

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from controlplane.adapters.backup.wal_archive import archive_problem
from controlplane.adapters.backup.workshop import read_journal
from controlplane.adapters.data_directory import DataDirectory, write_atomically
from controlplane.adapters.debian_packages import DebianPackages, distribution_release
from controlplane.adapters.embedded_postgresql import EmbeddedPostgresql
from controlplane.adapters.installation import StackFiles
from controlplane.adapters.machine import LocalMachine
from controlplane.adapters.readiness import Readiness
from controlplane.adapters.supervisord import Supervisord
from controlplane.adapters.templates import TemplateFolder
from controlplane.adapters.toolchain import Toolchain, postgresql_bin
from controlplane.adapters.unprivileged import runner
from controlplane.config.load import Locations, load
from controlplane.config.paths import DataLayout, resource_dir
from controlplane.config.schema import COMPONENTS, Ports, Settings
from controlplane.domain.backup.restoring import HALF_DONE
from controlplane.errors import Refused
from controlplane.services.own_configuration import first_configuration, with_port_offset
from controlplane.services.rendering import reachable_host
from controlplane.services.stack import Progress, Stack, UpReport
from controlplane.wiring.backup import backup_server
from controlplane.wiring.objectives import own_rules

# With a longer scrape interval, people would wait for nothing but the first scrape.
LONGEST_SCRAPE_WAIT_SECONDS = 15


@dataclass(frozen=True)
class EmbeddedStack:
    """The embedded stack of one data directory, before its configuration is read."""

    locations: Locations
    progress: Progress

    def up(
        self, components: Sequence[str], port_offset: int | None, timeout_seconds: float
    ) -> tuple[UpReport, Settings]:
        """Start components (all when none is named); see ``Stack.up``."""
        directory = self._directory()
        directory.create()
        with self._locked(directory, timeout_seconds):
            self._refuse_half_restored(directory)
            self._write_configuration(port_offset)
            settings = self._load()
            return self._stack(settings, directory).up(components or COMPONENTS, timeout_seconds), settings

    def down(self, components: Sequence[str], timeout_seconds: float) -> list[str]:
        """Stop components (all when none is named); see ``Stack.down``."""
        directory = self._directory()
        if not directory.layout.run.is_dir():
            return []
        with self._locked(directory, timeout_seconds):
            return self._stack(self._load(), directory).down(components)

    def _refuse_half_restored(self, directory: DataDirectory) -> None:
        """Where a restore was cut off between two renames, PostgreSQL would be made anew, and empty."""
        journal = read_journal(directory.layout.restore_journal)
        if journal is not None and journal.step in HALF_DONE:
            raise Refused(
                f"{directory.layout.data_dir}: the restore {journal.id} was cut off or is still at work",
                hint="finish it with cmctl restore, or go back with: cmctl restore --rollback",
            )

    def _directory(self) -> DataDirectory:
        return DataDirectory(DataLayout(self.locations.data_dir))

    def _locked(self, directory: DataDirectory, timeout_seconds: float) -> AbstractContextManager[None]:
        return directory.locked(timeout_seconds, self.progress.note)

    def _load(self) -> Settings:
        settings = load(self.locations)
        if settings.mode != "embedded":
            raise Refused(
                f"{self.locations.config_file} describes a deployed system, which systemd starts",
                hint="systemctl start NAME, or name another data directory with --data-dir",
            )
        return settings

    def _write_configuration(self, port_offset: int | None) -> None:
        path = self.locations.config_file
        if not path.exists():
            text = first_configuration(TemplateFolder(resource_dir("templates")), port_offset or 0)
            write_atomically(path, text)
        elif port_offset is not None and load(self.locations).port_offset != port_offset:
            self.progress.note(f"{path}: port_offset is now {port_offset}")
            write_atomically(path, with_port_offset(path.read_text(encoding="utf-8"), port_offset))

    def _stack(self, settings: Settings, directory: DataDirectory) -> Stack:
        layout = directory.layout
        postgresql = EmbeddedPostgresql(
            layout.postgresql,
            settings.port("postgresql"),
            partial(runner, postgresql_bin(), layout.data_dir, self.progress.note),
        )
        return Stack(
            supervision=Supervisord(layout, COMPONENTS),
            machine=LocalMachine(layout, _addresses(settings, settings.listen_host)),
            installation=self._files(settings, directory, postgresql),
            readiness=Readiness(
                _addresses(settings, reachable_host(settings.listen_host)),
                lambda: postgresql.connection_problem(directory.read_secret("postgresql_superuser_password")),
                partial(archive_problem, backup_server(settings)),
                await_scrapes=settings.prometheus.scrape_interval_seconds <= LONGEST_SCRAPE_WAIT_SECONDS,
            ),
            progress=self.progress,
        )

    def _files(self, settings: Settings, directory: DataDirectory, postgresql: EmbeddedPostgresql) -> StackFiles:
        cache = _cache_dir() / "tools"
        toolchain = Toolchain(cache, DebianPackages(cache, distribution_release()))
        return StackFiles(
            settings=settings,
            config_file=self.locations.config_file,
            directory=directory,
            postgresql=postgresql,
            templates=TemplateFolder(resource_dir("templates")),
            rules_folder=resource_dir("alert_rules"),
            own_rules=lambda: own_rules(settings),
            scripts=Path(sys.executable).parent,
            resolve_tools=lambda names: toolchain.resolve(names, self.progress.note),
            say=self.progress.note,
        )


def _addresses(settings: Settings, host: str) -> dict[str, tuple[str, int]]:
    addresses = {name: (host, settings.port(name)) for name in COMPONENTS if name in Ports.model_fields}
    return {**addresses, "postgresql": ("127.0.0.1", settings.port("postgresql"))}


def _cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "claude-memory"
