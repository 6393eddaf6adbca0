"""ServiceManager on systemd, through systemctl."""

import logging
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.errors import CmctlError, DependencyUnreachable, UsageProblem

logger = logging.getLogger(__name__)

# What to look at; PostgreSQL's cluster unit carries the version of the distribution in its name.
UNITS = {
    "postgresql": "postgresql@*-main.service",
    "wal_receiver": "claude-memory-wal-receiver.service",
    "qdrant": "qdrant.service",
    "mcp_server": "claude-memory-mcp.service",
    "node_exporter": "prometheus-node-exporter.service",
    "prometheus": "prometheus.service",
    "alertmanager": "alertmanager.service",
    "controlplane": "claude-memory-controlplane.service",
}
# What to start and stop where that is another unit: this one passes it on to every cluster.
_CONTROLLED = {"postgresql": "postgresql.service"}
# https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html, ActiveState
_STATES = {
    "active": ComponentState.RUNNING,
    "reloading": ComponentState.RUNNING,
    "refreshing": ComponentState.RUNNING,
    "activating": ComponentState.STARTING,
    "deactivating": ComponentState.STOPPING,
    "inactive": ComponentState.STOPPED,
    "failed": ComponentState.FAILED,
}
_PROPERTIES = "Id,LoadState,ActiveState,SubState,MainPID,StateChangeTimestamp,Result"


class SystemdServiceManager:
    """Reads and controls the units of this host's components. Timeouts are seconds."""

    def __init__(
        self, components: Sequence[str], query_timeout_seconds: float = 10, control_timeout_seconds: float = 120
    ) -> None:
        self._components = tuple(components)
        self._query_timeout_seconds = query_timeout_seconds
        self._control_timeout_seconds = control_timeout_seconds

    def statuses(self) -> list[ComponentStatus]:
        """State of every component. Raises DependencyUnreachable when systemd does not answer."""
        arguments = [
            "show",
            "--timestamp=unix",
            f"--property={_PROPERTIES}",
            *(UNITS[name] for name in self._components),
        ]
        blocks = self._systemctl(arguments, self._query_timeout_seconds).split("\n\n")
        shown = [_parse(block) for block in blocks if block.strip()]
        return [_status(component, shown) for component in self._components]

    def status(self, component: str) -> ComponentStatus:
        """State of one component."""
        self._check_name(component)
        return next(status for status in self.statuses() if status.component == component)

    def start(self, component: str) -> None:
        """Start a component and return at once, also one that systemd has given up starting."""
        self._check_name(component)
        self._systemctl(["reset-failed", UNITS[component]], self._control_timeout_seconds)
        self._control("start", component, "--no-block")

    def stop(self, component: str) -> None:
        """Stop a component and wait until its process is gone."""
        self._control("stop", component)

    def restart(self, component: str) -> None:
        """Stop, then start a component."""
        self._control("restart", component)

    def reload(self, component: str) -> None:
        """Make a running component read its configuration again."""
        self._control("reload", component)

    def _control(self, verb: str, component: str, *options: str) -> None:
        self._check_name(component)
        unit = _CONTROLLED.get(component, UNITS[component])
        self._systemctl([verb, *options, unit], self._control_timeout_seconds)
        logger.info("component controlled", extra={"action": f"component_{verb}", "component": component})

    def _check_name(self, component: str) -> None:
        if component not in self._components:
            raise UsageProblem(f"no such component: {component}", hint=f"one of {', '.join(self._components)}")

    def _systemctl(self, arguments: Sequence[str], timeout_seconds: float) -> str:
        try:
            done = subprocess.run(
                ["systemctl", "--no-pager", "--no-ask-password", *arguments],  # noqa: S607 - systemd's own tool
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except FileNotFoundError as error:
            raise DependencyUnreachable(
                "systemctl is not installed", hint="run cmctl on the deployed host, or name a data directory"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise DependencyUnreachable(
                f"systemctl {arguments[0]} took longer than {timeout_seconds:g} seconds"
            ) from error
        if done.returncode != 0:
            raise _translated(arguments, done.stderr.strip())
        return done.stdout


def _translated(arguments: Sequence[str], reason: str) -> CmctlError:
    message = f"systemctl {arguments[0]} {arguments[-1]}: {reason or 'failed'}"
    if "connect to bus" in reason:
        return DependencyUnreachable(message, hint="is this host booted by systemd?")
    hint = "run it as root" if "authentication" in reason.lower() else f"journalctl -u {arguments[-1]} -n 50"
    return CmctlError(message, hint=hint)


def _parse(block: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in block.strip().splitlines())


def _status(component: str, units: Sequence[Mapping[str, str]]) -> ComponentStatus:
    prefix, _, suffix = UNITS[component].partition("*")
    found = [unit for unit in units if unit["Id"].startswith(prefix) and unit["Id"].endswith(suffix)]
    if not found or found[0]["LoadState"] == "not-found":
        return ComponentStatus(component, ComponentState.STOPPED, detail="this host has no such unit")
    unit = found[0]
    since = unit.get("StateChangeTimestamp", "").removeprefix("@")
    failed = unit["ActiveState"] == "failed" or unit["SubState"] == "auto-restart"
    return ComponentStatus(
        component=component,
        state=_STATES.get(unit["ActiveState"], ComponentState.UNKNOWN),
        pid=int(unit["MainPID"]) or None,
        since=datetime.fromtimestamp(int(since), UTC) if since.isdigit() else None,
        detail=f"systemd says: {unit['Result']}" if failed else "",
    )
