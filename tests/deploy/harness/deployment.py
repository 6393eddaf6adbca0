"""One host with everything on it, its inventory, and the checkout that it is deployed from."""

import json
from pathlib import Path

from tests.deploy.harness.commands import wait_until
from tests.deploy.harness.host import Host
from tests.deploy.harness.playbooks import COMPONENTS, Outcome, play, write_inventory

# Shorter than the defaults, so that an alert's journey takes seconds.
SETTINGS = {
    "checks": {"interval_seconds": 5},
    "prometheus": {"scrape_interval_seconds": 2, "evaluation_interval_seconds": 2},
    "alertmanager": {"group_wait_seconds": 1, "group_interval_seconds": 2},
    "alert_rules": {"for_scale": 0.05},
}


class Deployment:
    """One host, its inventory and the checkout that it is deployed from."""

    def __init__(self, host: Host, checkout: Path, folder: Path) -> None:
        self.host, self.checkout, self.folder = host, checkout, folder
        self.settings: dict[str, object] = dict(SETTINGS)
        self.variables: dict[str, object] = {}

    def play(self, playbook: str = "site.yml", *options: str) -> Outcome:
        """Run a playbook; whether it succeeded is for the caller to say."""
        variables = {"claude_memory_settings": self.settings, **self.variables}
        inventory = write_inventory(self.folder, {component: [self.host] for component in COMPONENTS}, variables)
        return play(self.checkout, inventory, playbook, *options)

    def deploy(self, *options: str) -> Outcome:
        """Run site.yml, which must succeed."""
        outcome = self.play("site.yml", *options)
        assert outcome.returncode == 0, outcome.output[-6000:]
        return outcome

    def status(self) -> dict[str, object]:
        """What ``cmctl status`` says, with no option."""
        return json.loads(self.host.execute("sh", "-c", "cmctl status -o json || true"))

    def wait_until_green(self) -> None:
        """Wait until every component runs and no check but those on the machine's load complains."""
        wait_until(lambda: not self.complaints(), f"all checks OK: {self.complaints()}", 60, pause_seconds=2)

    def complaints(self) -> list[str]:
        """Components that do not run and checks that are not OK, but for those on the load of the test machine."""
        status = self.status()
        stopped = [item["name"] for item in status["components"] if item["state"] != "RUNNING"]
        unwell = [
            item["name"] for item in status["checks"] if item["state"] != "OK" and item["name"] not in {"cpu", "memory"}
        ]
        return stopped + unwell

    def alerts(self) -> dict[str, str]:
        """Name -> state of the newest episode of every alert that the control plane has stored."""
        stored = json.loads(self.host.execute("cmctl", "alerts", "list", "-o", "json"))
        stored.sort(key=lambda alert: alert["starts_at"])
        return {alert["name"]: alert["state"] for alert in stored}

    def release(self) -> str:
        """Directory of the running release."""
        return self.host.execute("readlink", "/opt/claude-memory/current").strip()
