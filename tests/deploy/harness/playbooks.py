"""Run playbooks of a copy of the checkout against throw-away hosts."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.harness.commands import run
from tests.deploy.harness.host import Host

CHECKOUT = Path(__file__).resolve().parents[3]
PLAYBOOK = CHECKOUT / ".venv/bin/ansible-playbook"
COMPONENTS = ("postgresql", "mcp_server", "controlplane", "node_exporter", "alertmanager", "prometheus")


@dataclass(frozen=True)
class Outcome:
    """What a run printed and counted. Times are seconds."""

    returncode: int
    output: str
    seconds: float
    hosts: Mapping[str, Mapping[str, int]]

    @property
    def changed(self) -> int:
        """Changed tasks of all hosts."""
        return sum(counts["changed"] for counts in self.hosts.values())

    def changes(self) -> list[str]:
        """Names of the tasks that changed something."""
        names, task = [], ""
        for line in self.output.splitlines():
            if found := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*?)\]", line):
                task = found[1]
            elif line.startswith("changed:"):
                names.append(task)
        return names


def copy_checkout(target: Path) -> Path:
    """A copy of what git knows or would add, so that a run sees one state and may change it."""
    names = run("git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (CHECKOUT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target / name)
    return target


def write_inventory(folder: Path, groups: Mapping[str, Sequence[Host]], variables: Mapping[str, object]) -> Path:
    """An inventory of these hosts; ``variables`` belong to all of them."""
    hosts = {host.name: host.inventory_variables() for members in groups.values() for host in members}
    children = {group: {"hosts": {host.name: None for host in members}} for group, members in groups.items()}
    inventory = {
        "all": {"hosts": hosts, "children": {"claude_memory": {"children": children, "vars": dict(variables)}}}
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(json.dumps(inventory, indent=1))
    return folder


def play(checkout: Path, inventory: Path, playbook: str, *options: str, timeout_seconds: float = 1200) -> Outcome:
    """Run a playbook to its end, whatever it is."""
    started = time.monotonic()
    done = subprocess.run(
        [str(PLAYBOOK), "-i", str(inventory), playbook, *options],
        cwd=checkout,
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    output = done.stdout + done.stderr
    recap = re.findall(r"^(\S+)\s+: (ok=.*)$", output, re.MULTILINE)
    hosts = {name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)} for name, text in recap}
    return Outcome(done.returncode, output, time.monotonic() - started, hosts)
