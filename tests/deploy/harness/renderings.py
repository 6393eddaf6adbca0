"""The files that both ways of running render from one template, and in what they may differ."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

# What the deployed PostgreSQL is told beside what the embedded one is told.
_TUNED = {
    "port", "effective_cache_size", "maintenance_work_mem", "work_mem", "max_worker_processes", "max_parallel_workers",
    "max_parallel_workers_per_gather", "random_page_cost", "checkpoint_completion_target", "max_wal_size",
}  # fmt: skip


@dataclass(frozen=True)
class Rendering:
    """Where a deployed host has the file, how its text is read, and which parts are not those of the embedded stack."""

    path: str
    read: Callable[[str], Mapping[str, Any]]
    differs: frozenset[str] = frozenset()

    def differences(self, deployed: str, embedded: str) -> set[str]:
        """Names of the parts that are not the same on both sides, or are only on one."""
        ours, theirs = self.read(deployed), self.read(embedded)
        return {name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)}


def lines(text: str) -> dict[str, int]:
    """Every line but the first, which names the writer; blanks do not count."""
    found: dict[str, int] = {}
    for line in text.splitlines()[1:]:
        found[" ".join(line.split())] = found.get(" ".join(line.split()), 0) + 1
    return found


def settings_of_postgresql(text: str) -> dict[str, str]:
    """Setting -> value; the last one counts."""
    return dict(re.findall(r"^(\w+) = '?(.*?)'?$", text, re.MULTILINE))


def leaves(text: str) -> dict[str, object]:
    """Dotted path -> value of a YAML document."""

    def walk(value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict):
            return {path: value}
        found: dict[str, object] = {}
        for key, inner in value.items():
            found |= walk(inner, f"{path}.{key}" if path else str(key))
        return found

    return walk(yaml.safe_load(text), "")


RENDERED_BY_BOTH = {
    "prometheus.yml": Rendering("/etc/prometheus/prometheus.yml", lines),
    "alertmanager.yml": Rendering("/etc/prometheus/alertmanager.yml", lines),
    "postgresql.conf": Rendering(
        "/etc/postgresql/17/main/conf.d/claude-memory.conf",
        settings_of_postgresql,
        frozenset({"shared_buffers", "unix_socket_directories"} | _TUNED),
    ),
    "pg_hba.conf": Rendering("/etc/postgresql/17/main/pg_hba.conf", lines, frozenset({"local all all peer"})),
    # Secrets are systemd's credentials there, and the vectors have another place.
    "mcp.yml": Rendering(
        "/etc/claude-memory/mcp.yml",
        leaves,
        frozenset({"listen.token.file", "listen.token.credential", "postgresql.password.file", "vectors.path"}),
    ),
}
# Templates of one side, and why the other has none.
RENDERED_BY_ONE = {
    "cmctl.yml": "a deployed host has the inventory's settings",
    "supervisord.conf": "systemd supervises on a deployed host",
}
