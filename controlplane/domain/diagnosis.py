"""The runbook's four troubleshooting trees, as data: what is looked at, what it means, what helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What looking at one step gave."""

    FINE = "fine"
    FAULTY = "faulty"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Examination:
    """What was seen."""

    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class Step:
    """One thing to look at.

    ``cause`` and ``remedy`` are told when it is faulty. A step is skipped when
    one of ``needs`` is not fine, and when ``only_if`` names steps of which
    none is faulty: such a step looks for the reason of theirs.
    """

    key: str
    looks_at: str
    cause: str
    remedy: str
    needs: tuple[str, ...] = ()
    only_if: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A symptom and the steps to its cause, in order."""

    name: str
    symptom: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Finding:
    """One step of one tree with what was seen; ``cause`` and ``remedy`` are empty unless it is faulty."""

    tree: str
    step: str
    looks_at: str
    outcome: Outcome
    detail: str
    cause: str
    remedy: str


def reason_to_skip(step: Step, seen: Mapping[str, Outcome]) -> str | None:
    """Why a step is not looked at, given the steps before it; None when it is."""
    for key in step.needs:
        if seen.get(key, Outcome.FINE) != Outcome.FINE:
            return f"{key} comes first"
    if step.only_if and all(seen.get(key) != Outcome.FAULTY for key in step.only_if):
        return "nothing to explain"
    return None


def finding(tree: Tree, step: Step, seen: Examination) -> Finding:
    """What is reported of a step."""
    is_faulty = seen.outcome == Outcome.FAULTY
    return Finding(
        tree=tree.name,
        step=step.key,
        looks_at=step.looks_at,
        outcome=seen.outcome,
        detail=seen.detail,
        cause=step.cause if is_faulty else "",
        remedy=step.remedy if is_faulty else "",
    )


@dataclass(frozen=True)
class Conclusion:
    """A cause, what shows it, and what helps."""

    cause: str
    detail: str
    remedy: str


def conclusions(findings: Sequence[Finding]) -> list[Conclusion]:
    """Each cause once. A stack that is stopped as a whole explains everything else."""
    faults = {item.step: item for item in findings if item.outcome == Outcome.FAULTY}
    processes = {item.step for item in findings if item.step.endswith("_process")}
    if len(processes) > 1 and processes <= set(faults):
        return [Conclusion("the stack is stopped", "no component runs", "cmctl up")]
    return [Conclusion(item.cause, item.detail, item.remedy) for item in faults.values()]


def component_steps(component: str, name: str, symptoms: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Whether a component runs and, if it does not or shows one of ``symptoms``, why."""
    process = f"{component}_process"
    return (
        Step(
            process,
            f"does {name} run",
            f"{name} does not run",
            f"cmctl up {component}; when it stops again: cmctl logs show {component} --level error",
        ),
        Step(
            f"{component}_port",
            f"who holds the port of {name}",
            f"another program holds the port of {name}",
            "stop that program, or move this stack: cmctl up --port-offset 1000",
            only_if=(process,),
        ),
        Step(
            f"{component}_log",
            f"errors at the end of the log of {name}",
            f"{name} reports an error",
            f"cmctl logs show {component} --level error -n 20",
            only_if=(process, *symptoms),
        ),
    )


_DISK = Step(
    "disk",
    "space in the data directory",
    "the disk is full, or nearly so",
    "make room or extend the volume, then: cmctl check run disk",
)

_MCP = Tree(
    "mcp",
    "the memory server does not start, or the Claude CLI shows it as failed",
    (
        *component_steps("mcp_server", "the memory server"),
        Step(
            "mcp_server_configuration",
            "its configuration, etc/mcp.yml",
            "its configuration is missing or cannot be read",
            "cmctl up mcp_server renders it anew",
            only_if=("mcp_server_process",),
        ),
        Step(
            "python_packages",
            "the Python packages it needs",
            "a Python package is missing",
            "make run installs what the lock file names",
            only_if=("mcp_server_process",),
        ),
        Step(
            "mcp_server_health",
            "its health page",
            "the memory server runs, but a part of it is down",
            "cmctl diagnose postgresql, or cmctl diagnose qdrant, for the part that is named",
            needs=("mcp_server_process",),
        ),
        Step(
            "postgresql_tcp",
            "PostgreSQL's port",
            "PostgreSQL does not accept connections, and the memory server needs it",
            "cmctl diagnose postgresql",
        ),
        Step(
            "memory_login",
            "login of the memory server's role",
            "PostgreSQL refuses the memory server",
            "cmctl diagnose postgresql",
            needs=("postgresql_tcp",),
        ),
        _DISK,
    ),
)

_POSTGRESQL = Tree(
    "postgresql",
    "connections to the database fail",
    (
        *component_steps("postgresql", "PostgreSQL", ("postgresql_tcp", "memory_login", "controlplane_login")),
        Step(
            "postgresql_folder",
            "its data directory",
            "the data directory is missing, damaged or open to other users",
            "set mode 0700 and the owner that PostgreSQL runs as, or restore a backup; then: cmctl up postgresql",
        ),
        _DISK,
        Step(
            "postgresql_tcp",
            "its port",
            "PostgreSQL does not accept connections",
            "cmctl down postgresql && cmctl up postgresql",
        ),
        Step(
            "memory_login",
            "login of the memory server's role",
            "the password, the role, the database or pg_hba.conf does not fit the memory server",
            "cmctl up sets roles, passwords and pg_hba.conf as the configuration says",
            needs=("postgresql_tcp",),
        ),
        Step(
            "controlplane_login",
            "login of the control plane's role",
            "the password, the role, the database or pg_hba.conf does not fit the control plane",
            "cmctl up sets roles, passwords and pg_hba.conf as the configuration says",
            needs=("postgresql_tcp",),
        ),
        Step(
            "memory_schema",
            "tables of the memory server",
            "the memory server's tables are missing",
            "cmctl down mcp_server && cmctl up mcp_server creates them",
            needs=("memory_login",),
        ),
        Step(
            "controlplane_schema",
            "tables of the control plane",
            "the control plane's tables are missing",
            "cmctl down controlplane && cmctl up controlplane creates them",
            needs=("controlplane_login",),
        ),
        Step(
            "postgresql_connections",
            "connections in use, and whether it can write",
            "PostgreSQL is read-only, or nearly out of connections",
            "end what holds the connections, or raise max_connections; a server in recovery must be promoted",
            needs=("controlplane_login",),
        ),
    ),
)

_QDRANT = Tree(
    "qdrant",
    "search by meaning fails or finds nothing",
    (
        Step(
            "qdrant_process",
            "is the process that holds the vectors up",
            "the process that holds the vectors does not run",
            "cmctl up mcp_server, which holds the embedded vectors; for a Qdrant server: systemctl restart qdrant",
        ),
        Step(
            "qdrant_health",
            "does the vector store answer",
            "the vector store is down",
            "cmctl down mcp_server && cmctl up mcp_server; for a Qdrant server: systemctl restart qdrant",
            needs=("qdrant_process",),
        ),
        Step(
            "qdrant_folder",
            "permissions of the shard's folder",
            "the memory server may not write its vectors",
            "give the folder to the user that the memory server runs as, mode 0700",
        ),
        Step(
            "qdrant_lock",
            "who has the shard open",
            "another process has the shard open",
            "stop that process; one process owns a shard",
        ),
        Step(
            "qdrant_model",
            "do the stored vectors fit the embedding model",
            "the vectors come from another model, or the model cannot be loaded",
            "claude-memory-mcp reindex rebuilds them from PostgreSQL",
            needs=("qdrant_process",),
        ),
        _DISK,
    ),
)

_ALERTING = Tree(
    "alerting",
    "no alert arrives",
    (
        *component_steps("prometheus", "Prometheus", ("prometheus_ready",)),
        Step(
            "prometheus_ready",
            "Prometheus' readiness page",
            "Prometheus runs but does not serve",
            "cmctl logs show prometheus --level error; then: cmctl down prometheus && cmctl up prometheus",
            needs=("prometheus_process",),
        ),
        Step(
            "prometheus_rules",
            "loaded alert rules",
            "the profile's alert rules are not loaded, or fail",
            "cmctl up prometheus renders and checks them anew",
            needs=("prometheus_ready",),
        ),
        Step(
            "prometheus_targets",
            "scraped targets",
            "Prometheus cannot scrape what the rules watch",
            "start what is down: cmctl up",
            needs=("prometheus_ready",),
        ),
        Step(
            "prometheus_alertmanager",
            "where Prometheus sends alerts",
            "Prometheus does not know this Alertmanager",
            "cmctl up prometheus renders its configuration anew",
            needs=("prometheus_ready",),
        ),
        *component_steps("alertmanager", "Alertmanager", ("alertmanager_ready",)),
        Step(
            "alertmanager_ready",
            "Alertmanager's readiness page",
            "Alertmanager runs but does not serve",
            "cmctl logs show alertmanager --level error; then: cmctl down alertmanager && cmctl up alertmanager",
            needs=("alertmanager_process",),
        ),
        Step(
            "alertmanager_webhook",
            "where Alertmanager sends notifications",
            "Alertmanager does not notify this control plane",
            "cmctl up alertmanager renders its configuration anew",
            needs=("alertmanager_ready",),
        ),
        *component_steps("controlplane", "the control plane", ("webhook",)),
        Step(
            "webhook",
            "does the webhook take a notification",
            "the webhook refuses notifications",
            "cmctl logs show controlplane --level error",
            needs=("controlplane_process",),
        ),
        Step(
            "alerts_log",
            "can alerts.log be written",
            "alerts.log cannot be written",
            "give the file to the user that the control plane runs as",
        ),
        _DISK,
    ),
)

TREES: Mapping[str, Tree] = {tree.name: tree for tree in (_MCP, _POSTGRESQL, _QDRANT, _ALERTING)}
