"""The schema of objectives: shipped files load, every mistake is named with its path."""

from typing import Any

import pytest

from controlplane.config.objectives import load_objectives, parse_objectives
from controlplane.config.objectives_reference import objectives_page
from controlplane.config.paths import resource_dir
from controlplane.domain.slo.objective import CounterIndicator, GaugeIndicator, QuantileIndicator
from controlplane.errors import InvalidConfiguration

PROFILES = ["agent-v3", "claude-enhancer", "claude-mem", "claude-memory"]
GOOD: dict[str, Any] = {
    "name": "node-up",
    "service": "node",
    "title": "t",
    "title_zh": "标题",
    "indicator": {"kind": "gauge", "gauge": "up"},
    "time_window": {"rolling": "30d"},
    "target_percent": 99.9,
}


def _problems(**changes: Any) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_objectives({"profile": "p", "objectives": [GOOD | changes]}, "file.yml")
    return list(caught.value.problems)


@pytest.mark.parametrize("profile", PROFILES)
def test_shipped_objectives_load(profile: str) -> None:
    assert load_objectives(resource_dir("objectives") / f"{profile}.yml")


def test_the_promises_of_the_enhancer_are_shipped() -> None:
    found = {one.name: one for one in load_objectives(resource_dir("objectives") / "claude-enhancer.yml")}
    availability, latency, errors = (
        found[f"enhancer-{name}"] for name in ("availability", "response-time-p95", "errors")
    )
    assert (availability.target, availability.window.rolling_seconds) == (0.999, 30 * 86_400)
    assert isinstance(availability.indicator, GaugeIndicator)
    assert isinstance(latency.indicator, QuantileIndicator)
    assert (latency.indicator.quantile, latency.indicator.threshold_seconds) == (0.95, 0.2)
    assert latency.window.rolling_seconds == 7 * 86_400
    assert isinstance(errors.indicator, CounterIndicator)
    assert (errors.target, errors.window.rolling_seconds) == (0.999, 86_400)


def test_calendar_windows_and_defaults() -> None:
    window = {"calendar": {"unit": "month", "time_zone": "Asia/Shanghai"}}
    (objective,) = parse_objectives({"profile": "p", "objectives": [GOOD | {"time_window": window}]}, "f", 10)
    assert (objective.window.calendar, objective.window.time_zone) == ("month", "Asia/Shanghai")
    assert (objective.sampling.step_seconds, objective.sampling.staleness_seconds) == (10, 30)


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"target_percent": 100}, "objectives.0.target_percent", "less than 100"),
        ({"target_percent": 150}, "objectives.0.target_percent", "less than 100"),
        ({"target_percent": 0}, "objectives.0.target_percent", "greater than 0"),
        ({"time_window": {"rolling": "soon"}}, "objectives.0.time_window.rolling", "not a Prometheus duration"),
        ({"time_window": {"rolling": "0"}}, "objectives.0.time_window.rolling", "longer than 0"),
        ({"time_window": {}}, "objectives.0.time_window", "exactly one"),
        (
            {"time_window": {"calendar": {"unit": "month", "time_zone": "Mars/Base"}}},
            "objectives.0.time_window.calendar.time_zone",
            "not a time zone",
        ),
        ({"indicator": {"kind": "gauge", "gauge": "rate(up[5m])"}}, "objectives.0.indicator.gauge.gauge", "selector"),
        ({"indicator": {"kind": "ratio_metric", "total": "a"}}, "objectives.0.indicator.ratio_metric", "good and bad"),
        ({"indicator": {"kind": "nonsense"}}, "objectives.0.indicator", "nonsense"),
        (
            {"indicator": {"kind": "query_ratio", "total": "sum(a", "bad": "b"}},
            "objectives.0.indicator.query_ratio.total",
            "do not match",
        ),
        ({"sampling": {"step": "30s", "staleness": "15s"}}, "objectives.0.sampling", "at least one step"),
        ({"colour": "red"}, "objectives.0.colour", "not permitted"),
        ({"name": "Bad Name"}, "objectives.0.name", "pattern"),
    ],
)
def test_a_mistake_is_named_with_its_path(changes: dict[str, Any], path: str, words: str) -> None:
    (problem,) = _problems(**changes)
    assert problem.startswith(f"{path}: ")
    assert words in problem


def test_all_mistakes_are_reported_at_once() -> None:
    problems = _problems(target_percent=100, name="X!", time_window={"rolling": "x"}, indicator={"kind": "gauge"})
    assert len(problems) == 4


def test_two_objectives_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_objectives({"profile": "p", "objectives": [GOOD, GOOD]}, "f")
    assert "more than one objective is named node-up" in caught.value.problems[0]


def test_the_reference_page_is_up_to_date_and_explains_every_key() -> None:
    page = objectives_page()
    docs = resource_dir("objectives").parent / "docs" / "objectives.md"
    assert docs.read_text(encoding="utf-8") == page, "make it anew: cmctl slo reference > docs/objectives.md"
    assert "|  |" not in page
