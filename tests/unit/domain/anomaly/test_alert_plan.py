"""Which alerts open episodes deserve, and what they say."""

import dataclasses

import pytest

from controlplane.domain.anomaly.alerts import AlertLinks, AlertPolicy, plan_alerts
from controlplane.domain.anomaly.episode import Episode, begin, extend
from controlplane.domain.anomaly.reasons_zh import sentence_zh
from controlplane.domain.anomaly.verdict import Explanation, Kind
from controlplane.domain.anomaly.watch import SeriesKey, Watch, series_key

LINKS = AlertLinks("http://p", "http://c", "http://c/docs/runbook")
WATCH = Watch("latency", "a / b", "Latency", "延迟", "s", "web")
FACTS = Explanation(Kind.LEVEL, 9.0, 2.0, 1.0, 0.1, True, 0.9, 0)


def episode(number: int = 0, samples: int = 5, score: float = 0.999, **fields: object) -> Episode:
    key = SeriesKey("latency", (("instance", f"i{number}"),))
    made = begin(key.id, key.watch, key.labels, 1_700_000_000.0, score, FACTS)
    for sample in range(1, samples):
        made = extend(made, 1_700_000_000.0 + sample, 2.0, score)
    return dataclasses.replace(made, **fields)


@pytest.mark.parametrize(
    ("samples", "score", "severity"),
    [
        pytest.param(1, 0.999, "info", id="a glitch"),
        pytest.param(3, 0.999, "warning", id="it lasts"),
        pytest.param(100, 0.999, "warning", id="long but not far out"),
        pytest.param(30, 1.0, "error", id="long and far out"),
        pytest.param(29, 1.0, "warning", id="far out but not long"),
    ],
)
def test_severity_tells_how_unusual_and_how_long(samples: int, score: float, severity: str) -> None:
    assert episode(samples=samples, score=score).severity == severity


def test_ten_thousand_episodes_at_once_are_one_alert() -> None:
    episodes = [episode(number) for number in range(10_000)]
    (draft,) = plan_alerts(episodes, {"latency": WATCH}, AlertPolicy(), LINKS, was_storm=False)
    assert draft.labels["alertname"] == "ClaudeMemoryAnomalyStorm"
    assert draft.annotations["summary"] == "10000 series are anomalous at once: latency (10000)"


@pytest.mark.parametrize(
    ("count", "was_storm", "alerts"), [(10, False, 10), (11, False, 1), (6, True, 1), (5, True, 5)]
)
def test_a_storm_ends_when_half_is_left(count: int, was_storm: bool, alerts: int) -> None:
    episodes = [episode(number) for number in range(count)]
    assert len(plan_alerts(episodes, {"latency": WATCH}, AlertPolicy(most_alerts=10), LINKS, was_storm)) == alerts


def test_the_first_of_many_is_not_told_on_its_own() -> None:
    beginning = [episode(number, samples=1) for number in range(1, 40)]
    assert plan_alerts(beginning, {"latency": WATCH}, AlertPolicy(), LINKS, was_storm=False) == []
    (draft,) = plan_alerts([episode(0), *beginning], {"latency": WATCH}, AlertPolicy(), LINKS, was_storm=False)
    assert draft.annotations["summary"] == "40 series are anomalous at once: latency (40)"


def test_what_is_less_than_asked_for_is_not_told() -> None:
    glitch, lasting = episode(0, samples=1), episode(1)
    ended = episode(2, ended_at=1_700_000_100.0)
    told = plan_alerts([glitch, lasting, ended], {"latency": WATCH}, AlertPolicy("warning"), LINKS, was_storm=False)
    assert [draft.labels["instance"] for draft in told] == ["i1"]
    assert len(plan_alerts([glitch, lasting], {}, AlertPolicy("info"), LINKS, was_storm=False)) == 2


def test_an_alert_says_what_where_why_and_how_to_judge_it() -> None:
    made = dataclasses.replace(episode(), labels=(("instance", "i0"), ("severity", "odd")))
    (draft,) = plan_alerts([made], {"latency": WATCH}, AlertPolicy(), LINKS, was_storm=False)
    assert draft.labels == {
        "alertname": "ClaudeMemoryAnomaly",
        "severity": "warning",
        "priority": "P2",
        "service": "web",
        "watch": "latency",
        "instance": "i0",
        "series_severity": "odd",
    }
    assert draft.annotations["summary"] == (
        'Latency {instance="i0", severity="odd"}: level shift +100 % at 2023-11-14 22:13, '
        "outside the learnt daily band 0.9 to 1.1"
    )
    assert draft.annotations["summary_zh"] == (
        '延迟 {instance="i0", severity="odd"}：2023-11-14 22:13 水平偏移 +100 %，超出学习到的日常区间 0.9 至 1.1'
    )
    assert f"cmctl anomaly feedback {made.id} --fine | --real" in draft.annotations["description_zh"]
    assert draft.annotations["runbook_url"] == "http://c/docs/runbook#claudememoryanomaly"
    assert draft.generator_url == "http://p/graph?g0.expr=a%20%2F%20b&g0.tab=0&g0.range_input=6h"


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_chinese_sentence(kind: Kind) -> None:
    text = sentence_zh(dataclasses.replace(FACTS, kind=kind), 1_700_000_000.0)
    assert any("\u4e00" <= character <= "\u9fff" for character in text)


def test_a_series_is_known_by_the_labels_that_are_kept() -> None:
    labels = {"__name__": "x", "b": "2", "a": "1"}
    assert series_key("w", (), labels).text == '{a="1", b="2"}'
    assert series_key("w", ("a", "missing"), labels) == SeriesKey("w", (("a", "1"),))
    assert series_key("w", ("a",), labels).id != series_key("v", ("a",), labels).id
