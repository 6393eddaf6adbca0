"""Where each shipped alert goes, as amtool reads Alertmanager's configuration and as the documented routes have it."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.adapters.templates import TemplateFolder
from controlplane.config.load import parse
from controlplane.config.paths import resource_dir
from controlplane.domain.alert import Alert, priority_of
from controlplane.domain.notification.routing import receivers_of
from controlplane.services import rendering
from controlplane.wiring.notifications import policy
from tests.support.rules import ROOT
from tests.support.tools import tool

PROFILES = ("claude-memory", "agent-v3", "claude-enhancer", "claude-mem")
by_profile = pytest.mark.parametrize("profile", PROFILES)
EVENING_IN_SHANGHAI = datetime(2025, 7, 7, 12, tzinfo=UTC)
NOON_IN_SHANGHAI = datetime(2025, 7, 7, 4, tzinfo=UTC)


def rules_of(profile: str) -> list[dict[str, Any]]:
    """Every alert rule that a profile ships, those of its objectives included."""
    found = []
    for path in (ROOT / "alert_rules" / f"{profile}.yml", ROOT / "alert_rules" / f"slo-{profile}.yml"):
        groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        found += [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return found


@pytest.fixture(scope="module")
def amtool() -> Path:
    return tool("amtool")


def configuration(folder: Path, profile: str) -> Path:
    """Alertmanager's configuration as it is rendered for a profile."""
    settings = parse({"data_dir": "/data", "profile": profile}, "test")
    path = folder / "alertmanager.yml"
    path.write_text(
        rendering.render("alertmanager.yml", settings, TemplateFolder(resource_dir("templates"))), encoding="utf-8"
    )
    return path


@by_profile
def test_alertmanager_hands_every_alert_to_the_control_plane(amtool: Path, tmp_path: Path, profile: str) -> None:
    path = configuration(tmp_path, profile)
    rules = rules_of(profile)
    assert rules
    for rule in rules:
        name, labels = rule["alert"], [f"{key}={value}" for key, value in rule["labels"].items()]
        arguments = [f"--config.file={path}", "--verify.receivers=controlplane", f"alertname={name}", *labels]
        tested = subprocess.run(
            [amtool, "config", "routes", "test", *arguments], capture_output=True, text=True, timeout=60
        )
        assert (tested.returncode, tested.stdout.strip()) == (0, "controlplane"), f"{name}: {tested.stderr}"


def test_amtool_would_notice_an_alert_that_goes_elsewhere(amtool: Path, tmp_path: Path) -> None:
    path = configuration(tmp_path, "claude-memory")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["route"]["routes"] = [{"receiver": "nobody", "matchers": ['severity = "warning"']}]
    document["receivers"].append({"name": "nobody"})
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    arguments = [f"--config.file={path}", "--verify.receivers=controlplane", "severity=warning"]
    assert subprocess.run([amtool, "config", "routes", "test", *arguments], timeout=60, check=False).returncode != 0


def test_inhibition_speaks_of_alerts_that_exist(tmp_path: Path) -> None:
    document = yaml.safe_load(configuration(tmp_path, "claude-memory").read_text(encoding="utf-8"))
    names = {rule["alert"] for rule in rules_of("claude-memory")}
    matchers = [
        matcher
        for rule in document["inhibit_rules"]
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]
        if matcher.startswith("alertname")
    ]
    assert matchers
    for matcher in matchers:
        pattern = matcher.split('"')[1]
        fitting = {name for name in names if re.fullmatch(pattern, name)}
        alternatives = re.search(r"\(([^)]*)\)", pattern)
        assert len(fitting) == (len(alternatives[1].split("|")) if alternatives else 1), matcher


@by_profile
def test_the_documented_routes_leave_no_alert_out(profile: str) -> None:
    text = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    document = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    decided = policy(parse({"data_dir": "/data", "profile": profile, **document}, "test"))
    for rule in rules_of(profile):
        labels = {"alertname": rule["alert"], **{name: str(value) for name, value in rule["labels"].items()}}
        priority, moment = priority_of(labels), EVENING_IN_SHANGHAI
        alert = Alert("f", rule["alert"], "firing", labels["severity"], priority, moment, None, moment, labels)
        evening = receivers_of(alert, decided.routes, decided.default_profile, EVENING_IN_SHANGHAI)
        noon = receivers_of(alert, decided.routes, decided.default_profile, NOON_IN_SHANGHAI)
        assert evening == (("oncall",) if priority in ("P0", "P1") else ("oncall", "team_mail")), rule["alert"]
        assert noon == ("oncall", "team_mail"), rule["alert"]
