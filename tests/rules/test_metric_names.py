"""The check for metrics that nobody exports: quiet about what is shipped, and it finds each kind of mistake."""

import copy
import importlib.util
from typing import Any

import pytest
import yaml

from tests.support.rules import ROOT

_SPEC = importlib.util.spec_from_file_location("check_metrics", ROOT / "scripts" / "check_metrics.py")
assert _SPEC and _SPEC.loader
check_metrics = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check_metrics)

KNOWN: dict[str, Any] = yaml.safe_load((ROOT / "scripts" / "known_metrics.yml").read_text(encoding="utf-8"))
USED = check_metrics.used_metrics()
OURS = check_metrics.our_metrics()


def problems(used: Any = USED, known: Any = KNOWN) -> list[str]:
    return list(check_metrics.problems_of(used, OURS, known))


def test_what_is_shipped_speaks_of_metrics_that_somebody_exports() -> None:
    assert check_metrics.main() == 0
    assert set(USED) == {"claude-memory", "agent-v3", "claude-enhancer", "claude-mem"}
    assert "dashboards/overview.json" in USED["claude-memory"]


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        ("claude-memory", "cmctl_journal_pending_record"),
        ("claude-memory", "cmctl_journal_pending_records_total"),
        ("claude-memory", "claude_memory_requests"),
        ("claude-memory", "node_memory_available_bytes"),
        ("claude-memory", "claude_mem_cache_hits_total"),
        ("claude-mem", "cmctl_check_state"),
        ("agent-v3", "http_requests"),
    ],
)
def test_a_metric_that_nobody_exports_is_named_with_its_place(profile: str, name: str) -> None:
    used = copy.deepcopy(USED)
    used[profile]["alert_rules/x.yml: Broken"] = {name}
    assert problems(used) == [f"alert_rules/x.yml: Broken: nobody exports {name}"]


def test_a_known_metric_that_nobody_uses_is_named() -> None:
    known = copy.deepcopy(KNOWN)
    known["everywhere"]["prometheus"].append("prometheus_old")
    known["profiles"]["agent-v3"].append("agent_old")
    assert problems(known=known) == [
        "scripts/known_metrics.yml: nobody uses prometheus_old",
        "scripts/known_metrics.yml: agent-v3 does not use agent_old",
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('up{job="not_a_metric"} == 0', {"up"}),
        ("sum by (le) (rate(a_bucket{x=~'y|z'}[5m]))", {"a_bucket"}),
        ("a / on (instance) group_left c * on (x) group_right (b) c offset 5m > bool 1e3", {"a", "c"}),
        ("time() - a > +Inf or absent(b) unless on () vector(1)", {"a", "b"}),
        ("slo:sli:ratio_rate5m{slo='x'} < 0.99", {"slo:sli:ratio_rate5m"}),
        ("histogram_quantile(0.95, sum without (a) (b)) and c", {"b", "c"}),
    ],
)
def test_names_in_an_expression(expression: str, expected: set[str]) -> None:
    assert check_metrics.metrics_of(expression) == expected


def test_names_in_the_source_of_an_exporter() -> None:
    source = """
NAMES = {"cmctl_b": 1, "short": 2}
GaugeMetricFamily("cmctl_a", "text")
for name in NAMES:
    CounterMetricFamily(name, "text")
    GaugeMetricFamily(f"cmctl_x_{name}_seconds", "text")
Histogram("cmctl_h", "text")
"""
    found = check_metrics.exported_by(source)
    assert {"cmctl_a", "cmctl_b", "cmctl_b_total", "cmctl_x_short_seconds", "cmctl_h_bucket"} <= found
    assert not {"cmctl_a_total", "cmctl_h", "cmctl_b_bucket", "short"} & found
