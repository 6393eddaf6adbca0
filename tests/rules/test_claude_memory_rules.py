"""The rules of the first profile: valid, complete, documented, tested, and in step with the settings."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.config.schema import Thresholds
from controlplane.domain.rules import RuleOptions, render_rules
from tests.rules.conftest import Promtool
from tests.support.rules import ROOT, RULE_TESTS_FILE, RULES_FILE, alert_rules, anchors, rule_tests

RULES = alert_rules()
# Name, expression, duration and severity as the operations handbook states them.
HANDBOOK = [
    ("ClaudeMemoryMCPDown", 'up{job="claude-memory-mcp"} == 0', "30s", "critical"),
    ("ClaudeMemoryPostgresDown", "claude_memory_postgres_up == 0", "1m", "critical"),
    ("ClaudeMemoryQdrantDown", "claude_memory_qdrant_up == 0", "1m", "critical"),
    ("ClaudeMemoryHighResponseTime", "claude_memory_avg_response_time_seconds > 5", "2m", "warning"),
]
HANDBOOK_THRESHOLDS = (
    "disk_used_percent",
    "memory_used_percent",
    "cpu_used_percent",
    "response_time_seconds",
    "database_size_bytes",
)
RESPOND_WITHIN = {"P0": "15 minutes", "P1": "1 hour", "P2": "4 hours", "P3": "24 hours"}
FINAL_COMPARISON = re.compile(r"(>=?|==|<) ([\d.]+)$")


def final_number(expression: str) -> float:
    match = FINAL_COMPARISON.search(expression)
    assert match, f"{expression!r} does not end in a comparison with a number"
    return float(match[2])


def test_promtool_accepts_the_file(promtool: Promtool) -> None:
    result = promtool("check", "rules", RULES_FILE)
    assert result.returncode == 0, result.stderr


def test_every_rule_fires_and_stays_quiet_as_its_unit_tests_say(promtool: Promtool) -> None:
    result = promtool("test", "rules", RULE_TESTS_FILE)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("name", "expression", "duration", "severity"), HANDBOOK)
def test_the_rules_of_the_handbook_are_there_to_the_letter(
    name: str, expression: str, duration: str, severity: str
) -> None:
    rule = RULES[name]
    assert (rule["expr"], rule["for"], rule["labels"]["severity"]) == (expression, duration, severity)


def test_every_threshold_of_the_handbook_has_a_rule_with_the_default_number_of_its_setting() -> None:
    defaults = {
        f"{name}.{level}": getattr(getattr(Thresholds(), name), level)
        for name in HANDBOOK_THRESHOLDS
        for level in ("warning", "critical")
    }
    named = {
        rule["annotations"]["threshold"]: final_number(rule["expr"])
        for rule in RULES.values()
        if "threshold" in rule["annotations"]
    }
    assert named == defaults


@pytest.mark.parametrize("name", RULES)
def test_labels_say_how_bad_and_what(name: str) -> None:
    labels = RULES[name]["labels"]
    assert labels["severity"] in ("critical", "error", "warning", "info")
    assert labels["priority"] in RESPOND_WITHIN
    assert labels["service"]


@pytest.mark.parametrize("name", RULES)
def test_annotations_tell_people_in_both_languages(name: str) -> None:
    rule = RULES[name]
    annotations = rule["annotations"]
    for key in ("summary", "description", "summary_zh", "description_zh"):
        assert annotations[key].strip(), key
    for key in ("summary_zh", "description_zh"):
        assert re.search(r"[\u4e00-\u9fff]", annotations[key]), key
    expected = "15 minutes" if name == "ClaudeMemoryHighResponseTime" else RESPOND_WITHIN[rule["labels"]["priority"]]
    assert annotations["respond_within"] == expected


@pytest.mark.parametrize("language", ["docs/runbook.md", "docs/runbook.zh.md"])
@pytest.mark.parametrize("name", RULES)
def test_the_runbook_link_leads_to_an_entry(name: str, language: str) -> None:
    document, _, anchor = RULES[name]["annotations"]["runbook_url"].partition("#")
    assert document == "docs/runbook.md"
    assert anchor in anchors(ROOT / language)


@pytest.mark.parametrize("name", RULES)
def test_unit_tests_cover_firing_quiet_and_missing_data(name: str) -> None:
    cases = [case for test in rule_tests()["tests"] for case in test["alert_rule_test"] if case["alertname"] == name]
    titles = [test["name"] for test in rule_tests()["tests"] if test["name"].startswith(f"{name}:")]
    assert any(case["exp_alerts"] for case in cases)
    assert any("stays quiet" in title for title in titles)
    # The rule about missing targets fires exactly when data is missing.
    assert name == "ClaudeMemoryTargetMissing" or any("without data" in title or "is gone" in title for title in titles)


def test_a_warning_and_its_critical_level_share_a_resource_that_mutes_the_warning() -> None:
    levels: dict[str, list[str]] = {}
    for rule in RULES.values():
        if resource := rule["labels"].get("resource"):
            levels.setdefault(resource, []).append(rule["labels"]["severity"])
    assert levels
    assert all(sorted(found) == ["critical", "warning"] for found in levels.values()), levels


def test_rendered_with_other_settings_the_file_is_still_valid(promtool: Promtool, tmp_path: Path) -> None:
    settings = RuleOptions(
        thresholds={f"{name}.{level}": 1.5 for name in Thresholds.model_fields for level in ("warning", "critical")},
        for_scale=0.02,
        runbook_base_url="https://runbook.example/memory",
    )
    rendered = render_rules(yaml.safe_load(RULES_FILE.read_text(encoding="utf-8")), settings)
    file = tmp_path / "rendered.yml"
    file.write_text(yaml.safe_dump(rendered, allow_unicode=True), encoding="utf-8")
    result = promtool("check", "rules", file)
    assert result.returncode == 0, result.stderr
    rules = {rule["alert"]: rule for group in rendered["groups"] for rule in group["rules"]}
    assert rules["ClaudeMemoryDiskUsageHigh"]["expr"].endswith(">= 1.5")
    assert rules["ClaudeMemoryMCPDown"]["annotations"]["runbook_url"] == (
        "https://runbook.example/memory#claudememorymcpdown"
    )


def test_the_alert_names_are_unique() -> None:
    document: dict[str, Any] = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    assert sum(len(group["rules"]) for group in document["groups"]) == len(RULES)
