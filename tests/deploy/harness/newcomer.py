"""Somebody who follows the README from an empty inventory to a green host, typing what stands there."""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.deploy.harness.host import Host
from tests.deploy.harness.playbooks import CHECKOUT, ENVIRONMENT, Outcome, outcome_of
from tests.support.runbook import blocks


def commands() -> list[str]:
    """The commands of the README's section on real hosts, in order."""
    (block,) = [block for block in blocks(CHECKOUT / "README.md") if "site.yml" in block.commands]
    return [line.partition("  #")[0].strip() for line in block.commands.splitlines()]


class Newcomer:
    """Types the commands in a checkout of their own. Their ssh knows the host; everything else is in the README."""

    def __init__(self, checkout: Path, host: Host, settings: Mapping[str, object], folder: Path) -> None:
        self.checkout, self.host, self.settings = checkout, host, settings
        self.left = commands()
        folder.mkdir()
        self.ssh_config = folder / "ssh_config"
        variables = host.inventory_variables()
        self.ssh_config.write_text(
            f"Host {host.name}\n HostName {host.address}\n IdentityFile {variables['ansible_ssh_private_key_file']}\n"
            " StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n"
        )

    def follow(self, last: str) -> Outcome:
        """Type the next commands up to the one that ends so, and return what came of that one; all must succeed."""
        while True:
            command = self.left.pop(0)
            outcome = self._type(command)
            assert outcome.returncode == 0, f"{command}\n{outcome.output[-6000:]}"
            if command.startswith("cp "):
                self._edit(self.checkout / command.split()[-1] / "hosts.yml")
            if command.endswith(last):
                return outcome

    def _type(self, command: str) -> Outcome:
        # More is printed than a newcomer would see, so that the tests can look for secrets in it.
        said = {"ANSIBLE_VERBOSITY": "1", "ANSIBLE_DIFF_ALWAYS": "1"}
        environment = {**ENVIRONMENT, **said, "ANSIBLE_SSH_COMMON_ARGS": f"-F {self.ssh_config}"}
        started = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.checkout, env=environment, capture_output=True, text=True, timeout=1200, check=False,
        )  # fmt: skip
        return outcome_of(done.returncode, done.stdout + done.stderr, time.monotonic() - started)

    def _edit(self, inventory: Path) -> None:
        """Put the host's name in, as the README says, and shorter times, so that the tests are over sooner."""
        text = inventory.read_text()
        assert "memory.example.org" in text
        text = text.replace("memory.example.org", self.host.name)
        settings = f"claude_memory_settings: {json.dumps(self.settings)}"
        inventory.write_text(text.replace("claude_memory_settings: {}", settings))
