#!/usr/bin/env python3
"""Find metrics that nobody exports in alert rules and dashboards: a rule about one can never fire.

Ours are found in the source of the exporters, those of others in ``known_metrics.yml``, recorded ones in the rule
files. Prints one line for each problem and ends with exit code 1 when there is one. That upstream programs export what
our own profile uses is shown by a test against a running stack.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
OUR_PROFILE = "claude-memory"
EXPORTERS = ("controlplane/daemon/*.py", "mcp_server/metrics.py")
_OURS = re.compile(r"(?:cmctl|claude_memory)_\w+")
_STRING = re.compile(r'"[^"]*"|\'[^\']*\'')
_SELECTOR = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
_LABEL_LIST = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w.:])[a-zA-Z_:][\w:]*\b(?!\s*\()")
_WORDS = frozenset(
    {
        "and",
        "or",
        "unless",
        "group_left",
        "group_right",
        "by",
        "without",
        "on",
        "ignoring",
        "bool",
        "offset",
        "inf",
        "nan",
    }
)
# A counter is exported with a suffix, a histogram and a summary with several.
_SUFFIXES = {
    "GaugeMetricFamily": ("",),
    "Counter": ("_total",),
    "CounterMetricFamily": ("_total",),
    "Histogram": ("_bucket", "_count", "_sum"),
    "SummaryMetricFamily": ("_count", "_sum"),
}


def main() -> int:
    """Check every rule file and dashboard; the exit code."""
    ours = our_metrics()
    known: Mapping[str, Any] = yaml.safe_load((ROOT / "scripts" / "known_metrics.yml").read_text(encoding="utf-8"))
    problems = list(problems_of(used_metrics(), ours, known))
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def problems_of(used: Mapping[str, Mapping[str, set[str]]], ours: set[str], known: Mapping[str, Any]) -> Iterator[str]:
    """Every problem. ``used``: for each profile and place, the names of metrics that are not recorded there."""
    everywhere = {name for names in known["everywhere"].values() for name in names}
    for profile, places in used.items():
        given = everywhere | (ours if profile == OUR_PROFILE else set(known["profiles"][profile]))
        for place, names in places.items():
            for name in sorted(names - given):
                yield f"{place}: nobody exports {name}"
    wanted = {profile: set().union(*places.values()) for profile, places in used.items()}
    for name in sorted(everywhere - set().union(*wanted.values())):
        yield f"scripts/known_metrics.yml: nobody uses {name}"
    for profile, names in known["profiles"].items():
        for name in sorted(set(names) - wanted[profile]):
            yield f"scripts/known_metrics.yml: {profile} does not use {name}"


def used_metrics() -> dict[str, dict[str, set[str]]]:
    """Names of metrics by profile and place: rule or dashboard."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in sorted((ROOT / "alert_rules").glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        rules = [rule for group in document["groups"] for rule in group["rules"]]
        recorded = {rule["record"] for rule in rules if "record" in rule}
        places = found.setdefault(path.stem.removeprefix("slo-"), {})
        for rule in rules:
            place = f"{path.relative_to(ROOT)}: {rule.get('alert') or rule['record']}"
            places[place] = places.get(place, set()) | (metrics_of(str(rule["expr"])) - recorded)
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
        found[OUR_PROFILE][str(path.relative_to(ROOT))] = {
            name for panel in panels for target in panel["targets"] for name in metrics_of(target["expr"])
        }
    return found


def metrics_of(expression: str) -> set[str]:
    """Names of metrics in a PromQL expression: what is no string, label, function or word of the language."""
    for pattern in (_STRING, _SELECTOR, _LABEL_LIST):
        expression = pattern.sub(" ", expression)
    return {name for name in _NAME.findall(expression) if name.lower() not in _WORDS}


def our_metrics() -> set[str]:
    """Names that the modules with exporters give to metrics."""
    modules = [path for pattern in EXPORTERS for path in sorted(ROOT.glob(pattern))]
    return {name for path in modules for name in exported_by(path.read_text(encoding="utf-8"))}


def exported_by(source: str) -> set[str]:
    """Names that one module gives to metrics.

    A name that is not written where the metric is made may be of any kind that
    is made so in the module; one that is put together may hold any of its texts.
    """
    tree = ast.parse(source)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    direct: dict[str, set[str]] = {}
    kinds_of_others: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SUFFIXES and node.args:
            if isinstance(node.args[0], ast.Constant):
                direct.setdefault(str(node.args[0].value), set()).add(node.func.id)
            else:
                kinds_of_others.add(node.func.id)
    joined = {name for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for name in _joined(node, texts)}
    others = {name for name in texts | joined if name not in direct}
    named = [*direct.items(), *[(name, kinds_of_others) for name in others]]
    found = {name + suffix for name, kinds in named for kind in kinds for suffix in _SUFFIXES[kind]}
    return {name for name in found if _OURS.fullmatch(name)}


def _joined(node: ast.JoinedStr, texts: set[str]) -> set[str]:
    parts = [str(part.value) if isinstance(part, ast.Constant) else None for part in node.values]
    return {"".join(text if part is None else part for part in parts) for text in texts}


if __name__ == "__main__":
    sys.exit(main())
