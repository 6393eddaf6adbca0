"""Turn a profile's rule file into the one Prometheus loads: thresholds, ``for`` and runbook links filled in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.domain.duration import format_duration, parse_duration

# The last number of an expression, behind which only brackets may follow; not part of a name or a duration.
_FINAL_LITERAL = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[\s)]*$)")
_RUNBOOK = "docs/runbook.md"


@dataclass(frozen=True)
class RuleOptions:
    """What rendering fills in.

    ``thresholds`` maps names such as ``disk_used_percent.warning`` to numbers,
    ``for_scale`` multiplies every ``for``, and ``runbook_base_url`` replaces
    ``docs/runbook.md`` in runbook links.
    """

    thresholds: Mapping[str, float]
    for_scale: float
    runbook_base_url: str


def render_rules(document: Mapping[str, Any], options: RuleOptions) -> dict[str, Any]:
    """The rule file with every rule filled in.

    Raises ValueError that names the alert when a rule does not fit.
    """
    groups = [
        {**group, "rules": [_render_rule(rule, options) for rule in group.get("rules", [])]}
        for group in document.get("groups", [])
    ]
    return {**document, "groups": groups}


def _render_rule(rule: Mapping[str, Any], options: RuleOptions) -> dict[str, Any]:
    name = rule.get("alert") or rule.get("record")
    annotations = dict(rule.get("annotations", {}))
    rendered = dict(rule)
    try:
        if "threshold" in annotations:
            rendered["expr"] = with_threshold(str(rule["expr"]), options.thresholds[annotations["threshold"]])
        if "for" in rule:
            rendered["for"] = format_duration(parse_duration(str(rule["for"])) * options.for_scale)
    except KeyError as error:
        raise ValueError(f"rule {name}: no such threshold: {error.args[0]}") from error
    except ValueError as error:
        raise ValueError(f"rule {name}: {error}") from error
    if str(annotations.get("runbook_url", "")).startswith(_RUNBOOK):
        annotations["runbook_url"] = options.runbook_base_url + annotations["runbook_url"].removeprefix(_RUNBOOK)
    return {**rendered, "annotations": annotations} if annotations else rendered


def with_threshold(expression: str, threshold: float) -> str:
    """``expression`` with its final number replaced. Raises ValueError when it does not end in one."""
    rendered, count = _FINAL_LITERAL.subn(format_number(threshold), expression)
    if count != 1:
        raise ValueError("the expression does not end in a number that the threshold could replace")
    return rendered


def format_number(value: float) -> str:
    """A number as PromQL reads it, without a needless fraction or exponent."""
    return str(int(value)) if value == int(value) else repr(value)
