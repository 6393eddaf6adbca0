"""One host with everything on it, its inventory, and the checkout that it is deployed from."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.deploy.harness.commands import run, wait_until
from tests.deploy.harness.host import Host
from tests.deploy.harness.playbooks import VAULT, Outcome, cut_off, play, write_inventory

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
        self.environment: dict[str, str] = {}

    def play(self, playbook: str = "site.yml", *options: str) -> Outcome:
        """Run a playbook; whether it succeeded is for the caller to say."""
        return play(self.checkout, self._inventory(), playbook, *options, environment=self.environment)

    def cut_off(self, tasks: int) -> str:
        """Kill site.yml in its task of this number."""
        return self.cut_off_when(
            "site.yml", lambda printed: sum(line.startswith("TASK [") for line in printed) >= tasks
        )

    def cut_off_when(self, playbook: str, is_there: Callable[[list[str]], bool], *options: str) -> str:
        """Kill a playbook as soon as what it has printed says so."""
        return cut_off(self.checkout, self._inventory(), playbook, is_there, *options)

    def encrypt(self, variables: Mapping[str, object]) -> None:
        """Put variables into the inventory as ansible-vault keeps them, for every run from now on."""
        password, vault = self.folder.with_suffix(".password"), self.folder / "group_vars/claude_memory/vault.yml"
        vault.parent.mkdir(parents=True, exist_ok=True)
        password.write_text(secrets.token_urlsafe() + "\n")
        vault.write_text(json.dumps(variables))
        run(str(VAULT), "encrypt", "--vault-password-file", str(password), str(vault))
        self.environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(password)

    def _inventory(self) -> Path:
        variables = {"claude_memory_settings": self.settings, **self.variables}
        return write_inventory(self.folder, self.checkout, self.host, variables)

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

    def alert(self, name: str) -> None:
        """Have the control plane store a firing alert, as Alertmanager would post it."""
        message = json.dumps({
            "version": "4", "groupKey": name, "truncatedAlerts": 0, "status": "firing", "receiver": "controlplane",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://127.0.0.1:9093",
            "alerts": [{
                "status": "firing", "labels": {"alertname": name, "severity": "warning"}, "annotations": {},
                "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
                "fingerprint": hashlib.sha256(name.encode()).hexdigest()[:16],
            }],
        })  # fmt: skip
        url = "http://127.0.0.1:8081/webhook"
        self.host.execute("curl", "-fsS", "-H", "Content-Type: application/json", "--data", message, url)
        wait_until(lambda: name in self.alerts(), f"{name} to be stored", 30)

    def exposure(self, unit: str) -> float:
        """What systemd-analyze security says of a unit: 0 is closed, 10 open."""
        report = self.host.execute("systemd-analyze", "security", "--no-pager", unit)
        return float(report.strip().splitlines()[-1].partition(": ")[2].split()[0])

    def release(self) -> str:
        """Directory of the running release."""
        return self.host.execute("readlink", "/opt/claude-memory/current").strip()
