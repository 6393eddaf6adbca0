"""The alert rules of the first profile and the documents that speak of them."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES_FILE = ROOT / "alert_rules" / "claude-memory.yml"
RULE_TESTS_FILE = ROOT / "alert_rules" / "tests" / "claude-memory.test.yml"
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```\s*$", re.MULTILINE | re.DOTALL)


def alert_rules() -> dict[str, dict[str, Any]]:
    """Every alert rule of the profile by name, in the order of the file."""
    document = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


@cache
def rule_tests() -> dict[str, Any]:
    """The promtool test file."""
    content: dict[str, Any] = yaml.safe_load(RULE_TESTS_FILE.read_text(encoding="utf-8"))
    return content


def anchors(document: Path) -> set[str]:
    """Anchors of a Markdown file's headings, as code hosts and our web page make them."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return {_slug(heading) for heading in _HEADING.findall(text)}


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")
