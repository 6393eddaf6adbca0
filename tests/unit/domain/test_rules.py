"""Rendering of a profile's alert rules."""

from typing import Any

import pytest

from controlplane.domain.rules import RuleOptions, format_number, render_rules, with_threshold

OPTIONS = RuleOptions(
    thresholds={"disk_used_percent.warning": 70.0},
    for_scale=0.1,
    runbook_base_url="http://127.0.0.1:8081/docs/runbook",
)


def render(**rule: Any) -> dict[str, Any]:
    return render_rules({"groups": [{"name": "g", "interval": "15s", "rules": [rule]}]}, OPTIONS)["groups"][0]["rules"][
        0
    ]


@pytest.mark.parametrize(
    ("expression", "rendered"),
    [
        ("disk > 80", "disk > 70"),
        ("100 - free5 * 100 > 80", "100 - free5 * 100 > 70"),
        ("(a[5m] >= bool 80.5)", "(a[5m] >= bool 70)"),
        ("size > 1e9", "size > 70"),
        ("size > 2.5e+09 ", "size > 70 "),
    ],
)
def test_the_threshold_replaces_the_final_number(expression: str, rendered: str) -> None:
    assert with_threshold(expression, 70) == rendered


@pytest.mark.parametrize("expression", ["up", "rate(x[5m])", "a > b2", "80 < disk"])
def test_an_expression_without_a_final_number_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="does not end in a number"):
        with_threshold(expression, 70)


@pytest.mark.parametrize(("value", "text"), [(80.0, "80"), (0.5, "0.5"), (2e9, "2000000000"), (99.95, "99.95")])
def test_numbers_have_no_needless_fraction_or_exponent(value: float, text: str) -> None:
    assert format_number(value) == text


def test_a_rule_gets_threshold_scaled_for_and_runbook_link() -> None:
    rule = render(
        alert="DiskFull",
        expr="disk > 80",
        **{"for": "1m"},
        labels={"severity": "warning"},
        annotations={"threshold": "disk_used_percent.warning", "runbook_url": "docs/runbook.md#disk"},
    )
    assert rule == {
        "alert": "DiskFull",
        "expr": "disk > 70",
        "for": "6s",
        "labels": {"severity": "warning"},
        "annotations": {
            "threshold": "disk_used_percent.warning",
            "runbook_url": "http://127.0.0.1:8081/docs/runbook#disk",
        },
    }


def test_a_rule_without_placeholders_stays_as_it_is() -> None:
    assert render(record="a:b", expr="sum(a)") == {"record": "a:b", "expr": "sum(a)"}


def test_a_link_to_elsewhere_stays() -> None:
    assert render(alert="A", expr="up", annotations={"runbook_url": "https://x/y"})["annotations"] == {
        "runbook_url": "https://x/y"
    }


def test_the_source_is_not_changed() -> None:
    rule = {"alert": "A", "expr": "x > 1", "for": "1m", "annotations": {"runbook_url": "docs/runbook.md#a"}}
    document = {"groups": [{"name": "g", "rules": [rule]}]}
    render_rules(document, OPTIONS)
    assert rule["for"] == "1m"
    assert rule["annotations"] == {"runbook_url": "docs/runbook.md#a"}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"expr": "x > 1", "annotations": {"threshold": "nonsense.warning"}}, "rule A: no such threshold: nonsense"),
        ({"expr": "up", "annotations": {"threshold": "disk_used_percent.warning"}}, "rule A: the expression does not"),
        ({"expr": "up", "for": "soon"}, "rule A: 'soon' is not a Prometheus duration"),
    ],
)
def test_a_rule_that_does_not_fit_is_named(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(alert="A", **rule)
