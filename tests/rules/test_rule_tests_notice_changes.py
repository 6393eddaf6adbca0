"""The unit tests of the rules are sharp: a changed threshold or duration makes them fail."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.domain.duration import format_duration, parse_duration
from tests.rules.conftest import Promtool
from tests.rules.test_claude_memory_rules import FINAL_COMPARISON, RULES, final_number
from tests.support.rules import rule_tests

STEP_SECONDS = 15  # the evaluation interval of the unit tests: no smaller change can be seen
WITH_DURATION = [name for name, rule in RULES.items() if "for" in rule]
WITH_THRESHOLD = [name for name, rule in RULES.items() if "threshold" in rule["annotations"]]


def verdict(promtool: Promtool, folder: Path, rule: dict[str, Any]) -> int:
    """Exit code of the unit tests of this rule alone."""
    tests = rule_tests()
    own = [test for test in tests["tests"] if test["name"].startswith(f"{rule['alert']}:")]
    rules = {"groups": [{"name": "changed", "rules": [rule]}]}
    (folder / "rules.yml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    document = {**tests, "rule_files": ["rules.yml"], "tests": own}
    (folder / "test.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return promtool("test", "rules", folder / "test.yml").returncode


@pytest.mark.parametrize("name", WITH_DURATION)
@pytest.mark.parametrize("change_seconds", [-STEP_SECONDS, STEP_SECONDS])
def test_a_shorter_or_longer_duration_is_noticed(
    promtool: Promtool, tmp_path: Path, name: str, change_seconds: int
) -> None:
    changed = format_duration(parse_duration(RULES[name]["for"]) + change_seconds)
    assert verdict(promtool, tmp_path, {**RULES[name], "for": changed}) != 0


@pytest.mark.parametrize("name", WITH_THRESHOLD)
@pytest.mark.parametrize("factor", [0.99, 1.05])
def test_a_lower_or_higher_threshold_is_noticed(promtool: Promtool, tmp_path: Path, name: str, factor: float) -> None:
    expression = RULES[name]["expr"]
    changed = FINAL_COMPARISON.sub(rf"\1 {final_number(expression) * factor:.6f}", expression)
    assert verdict(promtool, tmp_path, {**RULES[name], "expr": changed}) != 0
