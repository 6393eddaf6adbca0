"""The command line of every component of the embedded stack, as values."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.config.paths import DataLayout
from controlplane.config.schema import Settings
from controlplane.domain.duration import format_duration


@dataclass(frozen=True)
class Program:
    """How a component is run and stopped.

    ``stop_as_group`` also signals its children; PostgreSQL must signal its own.
    ``directory`` is where it works. ``start_retries`` is how often it is started again when it ends at once.
    """

    name: str
    command: tuple[str, ...]
    stop_signal: str = "TERM"
    stop_timeout_seconds: int = 15
    stop_as_group: bool = True
    directory: Path = Path("/")
    start_retries: int = 5


@dataclass(frozen=True)
class Executables:
    """What the commands start with: upstream programs by name, our console scripts, the postgres command."""

    tools: Mapping[str, Path]
    scripts: Path
    postgresql: tuple[str, ...]


def programs(settings: Settings, config_file: Path, executables: Executables) -> list[Program]:
    """Every program whose executable is known, in no particular order."""
    layout = DataLayout(settings.data_dir)
    found = [
        Program("postgresql", executables.postgresql, "INT", stop_timeout_seconds=60, stop_as_group=False),
        Program("mcp_server", _mcp_server(layout, executables), stop_timeout_seconds=20),
        Program("controlplane", _cmctl(layout, config_file, executables, "serve"), stop_timeout_seconds=30),
        # On a full disk it ends at once, each time a second later, until there is room again.
        Program("wal_receiver", _cmctl(layout, config_file, executables, "backup", "receive-wal"), start_retries=9999),
    ]
    builders = {"prometheus": _prometheus, "alertmanager": _alertmanager, "node_exporter": _node_exporter}
    for name, build in builders.items():
        if name in executables.tools:
            tool = executables.tools[name]
            found.append(Program(name, build(settings, layout, tool), directory=_package_root(tool)))
    return found


def _package_root(tool: Path) -> Path:
    # An unpacked package's program finds its resources from there; an installed one does not care.
    return tool.parents[2] if tool.parent.parts[-2:] == ("usr", "bin") else Path("/")


def _mcp_server(layout: DataLayout, executables: Executables) -> tuple[str, ...]:
    return (str(executables.scripts / "claude-memory-mcp"), "serve", "--config", str(layout.etc / "mcp.yml"))


def _cmctl(layout: DataLayout, config_file: Path, executables: Executables, *verb: str) -> tuple[str, ...]:
    cmctl = str(executables.scripts / "cmctl")
    return (cmctl, "--config", str(config_file), "--data-dir", str(layout.data_dir), *verb)


def _prometheus(settings: Settings, layout: DataLayout, tool: Path) -> tuple[str, ...]:
    # Debian's build looks for its web page in /usr/share; an unpacked package has it beside the program.
    assets = tool.parent.parent / "share" / "prometheus" / "web"
    relocated = (f"--web.local-assets={assets}",) if tool.parent != Path("/usr/bin") and assets.is_dir() else ()
    return (
        str(tool),
        f"--config.file={layout.etc / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={layout.prometheus}",
        f"--storage.tsdb.retention.time={settings.prometheus.retention_days}d",
        f"--storage.tsdb.retention.size={settings.prometheus.retention_size_mb}MB",
        f"--rules.alert.resend-delay={format_duration(settings.prometheus.alert_resend_delay_seconds)}",
        f"--web.listen-address={settings.listen_host}:{settings.port('prometheus')}",
        f"--web.external-url={settings.url('prometheus')}",
        *relocated,
    )


def _alertmanager(settings: Settings, layout: DataLayout, tool: Path) -> tuple[str, ...]:
    return (
        str(tool),
        f"--config.file={layout.etc / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={layout.alertmanager}",
        f"--web.listen-address={settings.listen_host}:{settings.port('alertmanager')}",
        f"--web.external-url={settings.url('alertmanager')}",
        "--cluster.listen-address=",
    )


def _node_exporter(settings: Settings, layout: DataLayout, tool: Path) -> tuple[str, ...]:
    return (
        str(tool),
        f"--web.listen-address={settings.listen_host}:{settings.port('node_exporter')}",
        # Debian's build turns these on; without systemd and its directory they log an error a scrape.
        "--no-collector.systemd",
        "--collector.textfile.directory=",
    )


def supervisor_value(text: str) -> str:
    """``text`` as a value of supervisord's configuration, where % starts an expansion."""
    return text.replace("%", "%%")


def supervisor_command(command: tuple[str, ...]) -> str:
    """A command line as supervisord splits it."""
    return supervisor_value(shlex.join(command))
