"""Run playbooks of a copy of the checkout against throw-away hosts."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.deploy.harness.commands import run
from tests.deploy.harness.host import Host

CHECKOUT = Path(__file__).resolve().parents[3]
PLAYBOOK = CHECKOUT / ".venv/bin/ansible-playbook"
VAULT = CHECKOUT / ".venv/bin/ansible-vault"
ENVIRONMENT = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
# Folders that decide what is on a host.
DEPLOYED = (
    "controlplane", "mcp_server", "roles", "playbooks", "plugins", "templates", "alert_rules", "objectives",
    "pyproject.toml", "requirements.lock",
)  # fmt: skip


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


def previous_checkout(target: Path) -> Path:
    """What was deployed before the newest change of what is deployed: the last commit, or the one before its change.

    Raises CommandFailed in a clone without that history.
    """
    git = ("git", "-C", str(CHECKOUT))
    commit = "HEAD"
    if not run(*git, "status", "--porcelain", "--", *DEPLOYED):
        commit = run(*git, "rev-list", "-1", "HEAD", "--", *DEPLOYED).strip() + "^"
    archive = target.with_suffix(".tar")
    target.mkdir(parents=True)
    run(*git, "archive", f"--output={archive}", commit)
    run("tar", "--extract", f"--file={archive}", f"--directory={target}")
    return target


def write_inventory(folder: Path, checkout: Path, host: Host, variables: Mapping[str, object]) -> Path:
    """The shipped inventory of a single host as a newcomer copies it: with this host in it, and variables added."""
    text = (checkout / "inventories/single_host/hosts.yml").read_text().replace("memory.example.org", host.name)
    inventory = yaml.safe_load(text)
    inventory["all"]["hosts"][host.name] |= host.inventory_variables()
    inventory["all"]["children"]["claude_memory"]["vars"] |= variables
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(json.dumps(inventory, indent=1))
    return folder


def cut_off(
    checkout: Path, inventory: Path, playbook: str, is_there: Callable[[list[str]], bool], *options: str
) -> str:
    """Kill a playbook, without any warning, as soon as what it has printed says so; the lines that it had printed."""
    process = subprocess.Popen(
        [str(PLAYBOOK), "-i", str(inventory), playbook, *options],
        cwd=checkout, env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    printed: list[str] = []
    for line in process.stdout or ():
        printed.append(line)
        if is_there(printed):
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    if process.stdout is not None:
        process.stdout.close()
    return "".join(printed)


def play(
    checkout: Path,
    inventory: Path,
    playbook: str,
    *options: str,
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 1200,
) -> Outcome:
    """Run a playbook to its end, whatever it is."""
    started = time.monotonic()
    done = subprocess.run(
        [str(PLAYBOOK), "-i", str(inventory), playbook, *options],
        cwd=checkout,
        env={**ENVIRONMENT, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    return outcome_of(done.returncode, done.stdout + done.stderr, time.monotonic() - started)


def outcome_of(returncode: int, output: str, seconds: float) -> Outcome:
    """What a finished run printed and counted."""
    recap = re.findall(r"^(\S+)\s+: (ok=.*)$", output, re.MULTILINE)
    hosts = {name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)} for name, text in recap}
    return Outcome(returncode, output, seconds, hosts)
