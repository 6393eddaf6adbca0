"""Generated SLO rules: up to date, valid, named as dashboards expect, loud and quiet at the right times."""

from pathlib import Path

import pytest
import yaml

from controlplane.config.objectives import load_objectives
from controlplane.config.paths import resource_dir
from controlplane.services.slo.rule_file import rule_file
from tests.rules.conftest import Promtool

PROFILES = ["agent-v3", "claude-enhancer", "claude-mem", "claude-memory"]
RULES = resource_dir("alert_rules")
TESTS = sorted((RULES / "tests").glob("slo-*.test.yml"))


def _rules(profile: str) -> list[dict[str, object]]:
    groups = yaml.safe_load((RULES / f"slo-{profile}.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_shipped_file_is_what_is_generated(profile: str) -> None:
    text = rule_file(profile, load_objectives(resource_dir("objectives") / f"{profile}.yml"))
    assert (RULES / f"slo-{profile}.yml").read_text(encoding="utf-8") == text, "type: cmctl slo generate"


def test_every_profile_with_objectives_has_rules() -> None:
    assert sorted(path.stem for path in resource_dir("objectives").glob("*.yml")) == PROFILES


@pytest.mark.parametrize("profile", PROFILES)
def test_promtool_accepts_the_file(promtool: Promtool, profile: str) -> None:
    result = promtool("check", "rules", RULES / f"slo-{profile}.yml")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_alerts_fire_and_stay_quiet(promtool: Promtool, path: Path) -> None:
    result = promtool("test", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_the_recordings_that_dashboards_read_are_there(profile: str) -> None:
    recorded = {str(rule["record"]) for rule in _rules(profile) if "record" in rule}
    assert recorded >= {
        "slo:sli_error:ratio_rate5m",
        "slo:sli_error:ratio_rate1h",
        "slo:objective:ratio",
        "slo:error_budget:ratio",
        "slo:time_period:days",
        "slo:current_burn_rate:ratio",
        "slo:period_burn_rate:ratio",
        "slo:period_error_budget_remaining:ratio",
        "sloth_slo_info",
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_every_rule_is_labelled_and_every_alert_explained(profile: str) -> None:
    for rule in _rules(profile):
        labels, annotations = rule["labels"], rule.get("annotations", {})
        assert isinstance(labels, dict)
        assert isinstance(annotations, dict)
        if "record" in rule:
            assert {"sloth_id", "sloth_service", "sloth_slo"} <= labels.keys()
            continue
        assert labels.keys() >= {"severity", "priority", "service"}
        assert annotations.keys() >= {"summary", "description", "summary_zh", "description_zh", "runbook_url"}
