#!/usr/bin/env python3
"""Check the alert rules of every profile as far as that needs no server: labels, annotations, links, units.

What promtool checks (syntax, expressions) and what the unit tests of the rules show is left to them. Prints one line
for each problem and ends with exit code 1 when there is one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SEVERITIES = ("critical", "error", "warning", "info")
RESPOND_WITHIN = {"P0": "15 minutes", "P1": "1 hour", "P2": "4 hours", "P3": "24 hours"}
ENGLISH = ("summary", "description")
CHINESE = ("summary_zh", "description_zh")
# An alert that waits for nothing would fire at every hiccup of a scrape; a range and an age have waited already.
MAY_FIRE_AT_ONCE = re.compile(r"\[\d+[smhd]\]|\btime\(\) - ")
RATIO_LIMITS = re.compile(r"_ratio\b[^<>=]*[<>]=?\s*(\d+(?:\.\d+)?)\s*$")
COUNTER_COMPARED = re.compile(r"^\s*\w+_total(\{[^}]*\})?\s*[<>]")
RUNBOOKS = ("docs/runbook.md", "docs/runbook.zh.md")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def main() -> int:
    """Check every file; the exit code."""
    anchors = {page: anchors_of(ROOT / page) for page in RUNBOOKS}
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in sorted((ROOT / "alert_rules").glob("*.yml"))
        if not path.name.startswith("slo-")  # generated, and checked where they are made
        for problem in problems_of(yaml.safe_load(path.read_text(encoding="utf-8")), path, anchors)
    ]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def problems_of(document: dict[str, Any], path: Path, anchors: dict[str, set[str]]) -> Iterator[str]:
    """Every problem of one rule file."""
    rules = [rule for group in document["groups"] for rule in group["rules"] if "alert" in rule]
    names = [rule["alert"] for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: is there twice"
    tests = path.parent / "tests" / f"{path.stem}.test.yml"
    tested = tested_alerts(yaml.safe_load(tests.read_text(encoding="utf-8"))) if tests.is_file() else {}
    for rule in rules:
        for problem in rule_problems(rule, anchors):
            yield f"{rule['alert']}: {problem}"
        firing, quiet = tested.get(rule["alert"], (False, False))
        if not firing or not quiet:
            yield f"{rule['alert']}: has no unit test that it {'stays quiet' if firing else 'fires'}"


def tested_alerts(document: dict[str, Any]) -> dict[str, tuple[bool, bool]]:
    """Whether the unit tests show that an alert fires, and that it does not."""
    found: dict[str, tuple[bool, bool]] = {}
    for test in document["tests"]:
        for case in test["alert_rule_test"]:
            firing, quiet = found.get(case["alertname"], (False, False))
            fires = bool(case.get("exp_alerts"))
            found[case["alertname"]] = (firing or fires, quiet or not fires)
    return found


def rule_problems(rule: dict[str, Any], anchors: dict[str, set[str]]) -> Iterator[str]:
    """Every problem of one rule."""
    labels, annotations = rule.get("labels", {}), rule.get("annotations", {})
    if labels.get("severity") not in SEVERITIES:
        yield f"the label severity must be one of {', '.join(SEVERITIES)}"
    if labels.get("priority") not in RESPOND_WITHIN:
        yield f"the label priority must be one of {', '.join(RESPOND_WITHIN)}"
    if not labels.get("service"):
        yield "needs a label service: incidents and routes go by it"
    for key in (*ENGLISH, *CHINESE, "respond_within"):
        if not str(annotations.get(key, "")).strip():
            yield f"needs an annotation {key}"
    for key in CHINESE:
        if not re.search(r"[\u4e00-\u9fff]", str(annotations.get(key, ""))):
            yield f"the annotation {key} must be Chinese"
    yield from link_problems(annotations, anchors)
    yield from expression_problems(rule)


def link_problems(annotations: dict[str, Any], anchors: dict[str, set[str]]) -> Iterator[str]:
    """Whether the runbook has an entry, in both languages."""
    page, _, anchor = str(annotations.get("runbook_url", "")).partition("#")
    if page != RUNBOOKS[0]:
        yield f"runbook_url must lead into {RUNBOOKS[0]}"
    for runbook, known in anchors.items():
        if anchor not in known:
            yield f"{runbook} has no heading #{anchor}"


def expression_problems(rule: dict[str, Any]) -> Iterator[str]:
    """What in an expression, or beside it, does what nobody means."""
    expression = str(rule["expr"])
    if "for" not in rule and not MAY_FIRE_AT_ONCE.search(expression):
        yield "needs `for`: without it and without a range, one odd sample fires it"
    if COUNTER_COMPARED.search(expression):
        yield "compares a counter with a number: it only ever grows; use rate() or increase()"
    ratio = RATIO_LIMITS.search(expression)
    if ratio and float(ratio[1]) > 1:
        yield f"compares a ratio of 0 to 1 with {ratio[1]}"
    if re.search(r"\brate\([^)]*\[(\d+)s\]", expression):
        yield "takes a rate over seconds: it needs at least four scrapes"
    value = re.search(r"humanizePercentage", " ".join(map(str, rule.get("annotations", {}).values())))
    if value and re.search(r"(?<![\w.])100 \*|\* 100\b", expression):
        yield "shows a value of 0 to 100 with humanizePercentage, which multiplies by 100"


def anchors_of(page: Path) -> set[str]:
    """Anchors of a Markdown file's headings, as code hosts and our web page make them."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    sys.exit(main())
