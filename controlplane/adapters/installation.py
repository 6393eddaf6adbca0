"""The files of the embedded stack: secrets, database directory, rendered configuration."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from controlplane.adapters.config_checkers import check_alertmanager, check_prometheus
from controlplane.adapters.data_directory import DataDirectory, replace_files, write_atomically
from controlplane.adapters.embedded_postgresql import Database, EmbeddedPostgresql
from controlplane.adapters.supervisord import choose_socket
from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.tool import TOOLS_OF, Tool
from controlplane.errors import InvalidConfiguration
from controlplane.services import rendering
from controlplane.services.programs import Executables, Program, programs, supervisor_command, supervisor_value


@dataclass(frozen=True)
class StackFiles:
    """Implements ``Installation``. ``resolve_tools`` finds programs by name, downloading what is missing."""

    settings: Settings
    config_file: Path
    directory: DataDirectory
    postgresql: EmbeddedPostgresql
    templates: rendering.Templates
    rules_folder: Path
    own_rules: Callable[[], dict[str, Any] | None]
    scripts: Path
    resolve_tools: Callable[[Collection[str]], Mapping[str, Tool]]
    say: Callable[[str], None]

    @property
    def _layout(self) -> DataLayout:
        return self.directory.layout

    def install(self, components: Collection[str], database_is_stopped: bool) -> None:
        """Make secrets, database directory and configuration. Raises CmctlError."""
        tools = self.resolve_tools([name for part in components for name in TOOLS_OF.get(part, ())])
        self.directory.ensure_secrets()
        database_files = {name: self._rendered(name) for name in ("postgresql.conf", "pg_hba.conf")}
        if "postgresql" in components and database_is_stopped:
            password = self.directory.read_secret("postgresql_superuser_password")
            self.postgresql.prepare(password, database_files, self.say)
        elif "postgresql" in components:
            self.postgresql.configure(database_files)
        memory_server = self._rendered("mcp.yml")
        write_atomically(self._layout.etc / "mcp.yml", memory_server)
        if "prometheus" in components:
            self._install_prometheus(tools["promtool"].path)
        if "alertmanager" in components:
            self._install_alertmanager(tools["amtool"].path)
        self._install_supervisord(
            {name: tool.path for name, tool in tools.items()}, "".join(database_files.values()), memory_server
        )

    def _rendered(self, name: str) -> str:
        return rendering.render(name, self.settings, self.templates)

    def _install_prometheus(self, promtool: Path) -> None:
        profile = self.settings.profile
        files = {"prometheus.yml": self._rendered("prometheus.yml")}
        # The profile's rules must exist; those of its service level objectives may, and the user's own come first.
        documents = {profile: _read_rules(self.rules_folder / f"{profile}.yml")}
        shipped = self.rules_folder / f"slo-{profile}.yml"
        own = self.own_rules()
        if own is not None or shipped.exists():
            documents[shipped.stem] = _read_rules(shipped) if own is None else own
        for name, document in documents.items():
            rules = rendering.render_profile_rules(name, document, self.settings)
            text = yaml.safe_dump(rules, allow_unicode=True, sort_keys=False, width=120)
            files[f"rules/{name}.yml"] = f"# {rendering.MANAGED}\n{text}"
        self._replace("prometheus", files, partial(check_prometheus, promtool))

    def _install_alertmanager(self, amtool: Path) -> None:
        files = {"alertmanager.yml": self._rendered("alertmanager.yml")}
        self._replace("alertmanager", files, partial(check_alertmanager, amtool))

    def _replace(self, component: str, files: Mapping[str, str], check: Callable[[Path], None]) -> None:
        folder = self._layout.etc / component
        folder.mkdir(exist_ok=True, mode=0o700)
        marker = self._reload_marker(component)
        was_pending = marker.exists()
        # Marked before the files change, so that a killed `up` does not forget the reload.
        marker.touch()
        if not replace_files(folder, files, check) and not was_pending:
            marker.unlink()

    def _install_supervisord(self, tools: Mapping[str, Path], database: str, memory_server: str) -> None:
        executables = Executables(tools, self.scripts, self.postgresql.command())
        inputs = {"postgresql": database, "mcp_server": memory_server, "controlplane": self._read_configuration()}
        socket_path = choose_socket(self._layout)
        text = self.templates.render(
            "supervisord.conf",
            {
                "ansible_managed": rendering.MANAGED,
                "socket_path": supervisor_value(str(socket_path)),
                "data_dir": supervisor_value(str(self._layout.data_dir)),
                "run_dir": supervisor_value(str(self._layout.run)),
                "log_dir": supervisor_value(str(self._layout.logs)),
                "programs": [
                    _program_variables(program, inputs.get(program.name, ""))
                    for program in programs(self.settings, self.config_file, executables)
                ],
            },
        )
        write_atomically(self._layout.etc / "supervisord.conf", text)
        write_atomically(self._layout.supervisor_socket_record, f"{socket_path}\n")

    def _read_configuration(self) -> str:
        return self.config_file.read_text(encoding="utf-8") if self.config_file.exists() else ""

    def provision(self) -> None:
        """Create roles and databases in the running PostgreSQL."""
        settings, secret = self.settings.postgresql, self.directory.read_secret
        self.postgresql.provision(
            secret("postgresql_superuser_password"),
            [
                Database(settings.memory_database, settings.memory_user, secret("postgresql_memory_password")),
                Database(
                    settings.controlplane_database,
                    settings.controlplane_user,
                    secret("postgresql_controlplane_password"),
                    owner_may_monitor=True,
                ),
            ],
            secret("postgresql_backup_password"),
        )

    def pending_reloads(self) -> list[str]:
        """Components whose configuration on disk is newer than the one they run with."""
        return sorted(marker.stem for marker in self._layout.run.glob("*.reload"))

    def reloaded(self, component: str) -> None:
        """The component runs with the configuration on disk."""
        self._reload_marker(component).unlink(missing_ok=True)

    def _reload_marker(self, component: str) -> Path:
        return self._layout.run / f"{component}.reload"

    def last_log_lines(self, component: str, count: int) -> list[str]:
        """The newest lines of a component's log."""
        return self.directory.last_log_lines(component, count)


def _program_variables(program: Program, inputs: str) -> dict[str, Any]:
    return {
        "name": program.name,
        "command": supervisor_command(program.command),
        "directory": supervisor_value(str(program.directory)),
        "digest": hashlib.sha256(inputs.encode()).hexdigest(),
        "stop_signal": program.stop_signal,
        "stop_timeout_seconds": program.stop_timeout_seconds,
        "stop_as_group": program.stop_as_group,
        "start_retries": program.start_retries,
    }


def _read_rules(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidConfiguration(
            f"profile: no alert rules at {path}", hint="set `profile` to an existing one"
        ) from error
    except (OSError, yaml.YAMLError) as error:
        raise InvalidConfiguration(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise InvalidConfiguration(f"{path}: the top level must be a mapping")
    return content
