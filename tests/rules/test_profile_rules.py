"""The rules of the neighbouring systems: valid, tested both ways, with the numbers of their documents."""

import copy
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.conftest import Promtool
from tests.support.rules import ROOT, RULES_FILE

PROFILES = ("agent-v3", "claude-enhancer", "claude-mem")
by_profile = pytest.mark.parametrize("profile", PROFILES)
_SPEC = importlib.util.spec_from_file_location("check_rules", ROOT / "scripts" / "check_rules.py")
assert _SPEC and _SPEC.loader
check_rules = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check_rules)
ANCHORS = {page: check_rules.anchors_of(ROOT / page) for page in check_rules.RUNBOOKS}


def rules_of(profile: str) -> dict[str, dict[str, Any]]:
    document = yaml.safe_load((ROOT / "alert_rules" / f"{profile}.yml").read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


@by_profile
def test_promtool_accepts_the_file_and_its_unit_tests_pass(promtool: Promtool, profile: str) -> None:
    checked = promtool("check", "rules", ROOT / "alert_rules" / f"{profile}.yml")
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", ROOT / "alert_rules" / "tests" / f"{profile}.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@by_profile
def test_a_sharper_or_duller_duration_fails_the_unit_tests(promtool: Promtool, tmp_path: Path, profile: str) -> None:
    tests = yaml.safe_load((ROOT / "alert_rules" / "tests" / f"{profile}.test.yml").read_text(encoding="utf-8"))
    for factor in (0.5, 2):
        rules = [{**rule, "for": f"{factor * check_seconds(rule['for']):g}s"} for rule in rules_of(profile).values()]
        document = {"groups": [{"name": "changed", "rules": rules}]}
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        changed = {**tests, "rule_files": ["rules.yml"]}
        (tmp_path / "test.yml").write_text(yaml.safe_dump(changed, allow_unicode=True), encoding="utf-8")
        told = promtool("test", "rules", tmp_path / "test.yml")
        failed = {
            line.split("alertname: ")[1].split(",")[0]
            for line in told.stdout.splitlines() + told.stderr.splitlines()
            if "alertname: " in line and ", time:" in line
        }
        assert failed == set(rules_of(profile)), factor


def check_seconds(text: str) -> float:
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


# Every rule; the durations of Agent-V3, and that an instance of it is down, are ours: its document names none.
NUMBERS = [
    ("agent-v3", "AgentV3Down", "== 0", "1m", "critical"),
    ("agent-v3", "AgentV3ResponseTimeHigh", "> 2", "5m", "warning"),
    ("agent-v3", "AgentV3ResponseTimeCritical", "> 5", "5m", "critical"),
    ("agent-v3", "AgentV3ErrorRateHigh", "> 0.01", "5m", "warning"),
    ("agent-v3", "AgentV3ErrorRateCritical", "> 0.05", "5m", "critical"),
    ("agent-v3", "AgentV3RequestRateLow", "< 10", "10m", "warning"),
    ("agent-v3", "AgentV3MemoryUsageHigh", "> 85", "5m", "warning"),
    ("agent-v3", "AgentV3MemoryUsageCritical", "> 95", "5m", "critical"),
    ("agent-v3", "AgentV3CPUUsageHigh", "> 80", "15m", "warning"),
    ("agent-v3", "AgentV3DiskSpaceLow", "< 20", "10m", "warning"),
    ("agent-v3", "AgentV3DiskSpaceCritical", "< 10", "5m", "critical"),
    ("agent-v3", "AgentV3RedisMemoryHigh", "> 90", "5m", "warning"),
    ("agent-v3", "AgentV3PostgresConnectionsHigh", "> 80", "5m", "warning"),
    ("claude-enhancer", "ClaudeEnhancerDown", "== 0", "2m", "critical"),
    ("claude-enhancer", "ClaudeEnhancerErrorRateHigh", "> 0.05", "5m", "warning"),
    ("claude-enhancer", "ClaudeEnhancerResponseTimeHigh", "> 1", "10m", "warning"),
    ("claude-enhancer", "ClaudeEnhancerResponseTimeCritical", "> 5", "5m", "critical"),
    ("claude-enhancer", "ClaudeEnhancerCPUUsageHigh", "> 80", "15m", "warning"),
    ("claude-enhancer", "ClaudeEnhancerMemoryUsageCritical", "> 95", "5m", "critical"),
    ("claude-enhancer", "ClaudeEnhancerAuthFailuresSuspicious", "> 10", "2m", "warning"),
    ("claude-enhancer", "ClaudeEnhancerAuthUnavailable", "< 0.9", "3m", "critical"),
    ("claude-enhancer", "ClaudeEnhancerQueueBacklog", "> 1000", "5m", "error"),
    ("claude-enhancer", "ClaudeEnhancerDiskUsageHigh", "> 85", "30m", "warning"),
    ("claude-enhancer", "ClaudeEnhancerAuthFailuresMassive", "> 50", "1m", "critical"),
    ("claude-mem", "ClaudeMemDown", "== 0", "1m", "critical"),
    ("claude-mem", "ClaudeMemDatabaseConnectionFailed", "== 0", "2m", "critical"),
    ("claude-mem", "ClaudeMemErrorRateHigh", "> 20", "5m", "critical"),
    ("claude-mem", "ClaudeMemLatencyP99High", "> 1", "10m", "warning"),
    ("claude-mem", "ClaudeMemMemoryUsageHigh", "> 400", "15m", "warning"),
    ("claude-mem", "ClaudeMemDiskSpaceLow", "< 0.2", "10m", "warning"),
    ("claude-mem", "ClaudeMemTaskQueueBacklog", "> 100", "5m", "warning"),
    ("claude-mem", "ClaudeMemCacheHitRateLow", "< 0.7", "30m", "info"),
    ("claude-mem", "ClaudeMemCertificateExpiringSoon", "< 604800", "1h", "info"),
]


@pytest.mark.parametrize(("profile", "name", "ends", "duration", "severity"), NUMBERS)
def test_the_numbers_are_those_of_the_systems_documents(
    profile: str, name: str, ends: str, duration: str, severity: str
) -> None:
    rule = rules_of(profile)[name]
    assert rule["expr"].endswith(ends)
    assert (rule["for"], rule["labels"]["severity"], rule["labels"]["profile"]) == (duration, severity, profile)


@by_profile
def test_no_rule_is_without_a_number_of_its_document(profile: str) -> None:
    assert {name for of, name, *_ in NUMBERS if of == profile} == set(rules_of(profile))


def test_the_linter_finds_nothing_in_what_is_there() -> None:
    assert check_rules.main() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": {"severity": "bad"}}, "label severity"),
        ({"labels": {"priority": None}}, "label priority"),
        ({"labels": {"service": ""}}, "label service"),
        ({"annotations": {"summary": " "}}, "annotation summary"),
        ({"annotations": {"summary_zh": "english"}}, "must be Chinese"),
        ({"annotations": {"runbook_url": "https://wiki.internal/x"}}, "runbook_url"),
        ({"annotations": {"runbook_url": "docs/runbook.md#nowhere"}}, "no heading #nowhere"),
        ({"expr": "http_requests_total > 5"}, "compares a counter"),
        ({"expr": "cache_hit_ratio < 70"}, "ratio of 0 to 1"),
        ({"expr": "rate(x_total[15s]) > 1"}, "rate over seconds"),
        ({"expr": "100 * a / b > 5", "annotations": {"summary": "{{ $value | humanizePercentage }}"}}, "multiplies"),
        ({"for": None}, "needs `for`"),
    ],
)
def test_the_linter_names_what_is_wrong(change: dict[str, Any], words: str) -> None:
    rule = copy.deepcopy(next(iter(rules_of(RULES_FILE.stem).values())))
    assert list(check_rules.rule_problems(rule, ANCHORS)) == []
    for key, value in change.items():
        if isinstance(value, dict):
            rule[key].update(value)
        elif value is None:
            del rule[key]
        else:
            rule[key] = value
    assert words in "; ".join(check_rules.rule_problems(rule, ANCHORS))
