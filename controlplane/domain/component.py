"""Components of the stack: what state one is in, in which order they start."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

# Each stage starts together once the stage before is healthy, and stops in the reverse order.
# Prometheus comes last and goes first: it must not take starting or stopping for an outage.
STAGES: tuple[tuple[str, ...], ...] = (
    ("postgresql",),
    ("wal_receiver", "mcp_server", "node_exporter", "alertmanager", "controlplane"),
    ("prometheus",),
)
# Components that take new configuration without losing their connections or their data in memory.
RELOADABLE = frozenset({"prometheus", "alertmanager"})
# What people lose while a component is away, as the label ``service`` of objectives and alerts names it.
SERVICES_OF: Mapping[str, tuple[str, ...]] = {
    "postgresql": ("postgresql",),
    "mcp_server": ("claude-memory-mcp", "qdrant"),
    "controlplane": ("controlplane",),
}


def services_of(components: Iterable[str]) -> tuple[str, ...]:
    """The services that are away while components are."""
    return tuple(dict.fromkeys(service for name in components for service in SERVICES_OF.get(name, ())))


class ComponentState(Enum):
    """State of a component's process as its service manager sees it."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RETRYING = "retrying"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_alive(self) -> bool:
        """Whether a process exists or the service manager is about to make one."""
        return self in (
            ComponentState.STARTING,
            ComponentState.RUNNING,
            ComponentState.STOPPING,
            ComponentState.RETRYING,
        )


@dataclass(frozen=True)
class ComponentStatus:
    """What the service manager says about one component.

    ``since`` is when the process entered its state, None when that is not known.
    ``detail`` is one sentence for people, empty when there is nothing to add.
    """

    component: str
    state: ComponentState
    pid: int | None = None
    since: datetime | None = None
    detail: str = ""


def stages_of(components: Iterable[str]) -> list[list[str]]:
    """The named components, grouped by stage in starting order; stages without one are left out."""
    wanted = set(components)
    stages = [[component for component in stage if component in wanted] for stage in STAGES]
    return [stage for stage in stages if stage]


def unknown_components(names: Sequence[str]) -> list[str]:
    """Names that are no component, in the order given."""
    known = {component for stage in STAGES for component in stage}
    return [name for name in names if name not in known]
