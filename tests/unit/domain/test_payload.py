"""Alertmanager's payload: what is understood, what is set aside, what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from controlplane.domain.alert import Alert, label_fingerprint
from controlplane.domain.payload import ParsedPayload, parse_payload
from controlplane.domain.payload_text import PayloadProblem, cut, decode_body

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
GO_ZERO = "0001-01-01T00:00:00Z"


def parse(document: Any, known: dict[str, datetime] | None = None, max_value_bytes: int = 1024) -> ParsedPayload:
    return parse_payload(document, NOW, (known or {}).get, max_value_bytes)


def parse_one(**fields: Any) -> Alert:
    parsed = parse({"alerts": [fields]})
    assert not parsed.set_aside
    return parsed.alerts[0]


def test_a_whole_payload_of_alertmanager_is_understood() -> None:
    parsed = parse(
        {
            "receiver": "controlplane",
            "status": "firing",
            "alerts": [
                {
                    "status": "firing",
                    "labels": {"alertname": "ClaudeMemoryMCPDown", "severity": "critical", "priority": "P0"},
                    "annotations": {"summary": "down"},
                    "startsAt": "2025-07-07T11:59:30.123456789+02:00",
                    "endsAt": GO_ZERO,
                    "generatorURL": "http://127.0.0.1:9090/graph",
                    "fingerprint": "c4ca4238a0b92382",
                }
            ],
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://127.0.0.1:9093",
            "version": "4",
            "groupKey": "{}:{}",
            "truncatedAlerts": 3,
        }
    )
    assert parsed.truncated_alerts == 3
    assert parsed.alerts == [
        Alert(
            fingerprint="c4ca4238a0b92382",
            name="ClaudeMemoryMCPDown",
            state="firing",
            severity="critical",
            priority="P0",
            starts_at=datetime(2025, 7, 7, 9, 59, 30, 123456, tzinfo=UTC),
            ends_at=None,
            received_at=NOW,
            labels={"alertname": "ClaudeMemoryMCPDown", "severity": "critical", "priority": "P0"},
            annotations={"summary": "down"},
            generator_url="http://127.0.0.1:9090/graph",
            receiver="controlplane",
            group_key="{}:{}",
        )
    ]


def test_the_runbooks_one_line_test_is_an_alert() -> None:
    alert = parse_one(status="firing")
    assert (alert.fingerprint, alert.starts_at, alert.state) == (label_fingerprint({}), NOW, "firing")


def test_a_missing_start_is_that_of_the_alert_that_fires() -> None:
    fingerprint = label_fingerprint({"alertname": "A"})
    parsed = parse({"alerts": [{"status": "resolved", "labels": {"alertname": "A"}}]}, {fingerprint: EARLIER})
    assert (parsed.alerts[0].starts_at, parsed.alerts[0].ends_at) == (EARLIER, NOW)


@pytest.mark.parametrize(
    ("fields", "attribute", "expected"),
    [
        ({"startsAt": GO_ZERO}, "starts_at", NOW),
        ({"startsAt": ""}, "starts_at", NOW),
        ({"startsAt": None, "labels": None, "annotations": None}, "starts_at", NOW),
        ({"status": "resolved", "endsAt": "2025-07-07T11:00:00Z"}, "ends_at", EARLIER),
        ({"status": "resolved", "endsAt": GO_ZERO}, "ends_at", NOW),
        ({"status": "firing", "endsAt": "2025-07-07T11:00:00Z"}, "ends_at", None),
        ({"fingerprint": ""}, "fingerprint", label_fingerprint({})),
        ({"generatorURL": 7}, "generator_url", ""),
        ({"unknown": {"deep": []}}, "state", "firing"),
    ],
)
def test_optional_fields_may_be_missing_or_empty(fields: dict[str, Any], attribute: str, expected: Any) -> None:
    assert getattr(parse_one(**fields), attribute) == expected


def test_an_alert_without_status_takes_the_groups() -> None:
    assert parse({"status": "resolved", "alerts": [{}]}).alerts[0].state == "resolved"


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ("text", ""),
        (None, ""),
        ({"status": "broken"}, ".status"),
        ({"status": 1}, ".status"),
        ({"labels": []}, ".labels"),
        ({"labels": {"a": 1}}, ".labels['a']"),
        ({"annotations": {"a": None}}, ".annotations['a']"),
        ({"startsAt": "yesterday"}, ".startsAt"),
        ({"startsAt": "2025-07-07T12:00:00"}, ".startsAt"),
        ({"startsAt": "99999-01-01T00:00:00Z"}, ".startsAt"),
        ({"startsAt": "9999-12-31T23:59:59-23:00"}, ".startsAt"),
        ({"startsAt": 1751889600}, ".startsAt"),
        ({"startsAt": ["2025-07-07T12:00:00Z"]}, ".startsAt"),
        ({"endsAt": {}}, ".endsAt"),
        ({"fingerprint": "no spaces please"}, ".fingerprint"),
        ({"fingerprint": "x" * 129}, ".fingerprint"),
        ({"fingerprint": 0}, ".fingerprint"),
    ],
)
def test_one_bad_alert_is_set_aside_and_the_others_are_kept(bad: Any, field: str) -> None:
    parsed = parse({"alerts": [{"status": "firing"}, bad, {"status": "resolved"}]})
    assert [alert.state for alert in parsed.alerts] == ["firing", "resolved"]
    assert [(item.index, item.field) for item in parsed.set_aside] == [(1, field)]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "body"),
        ("text", "body"),
        (None, "body"),
        ({}, "alerts"),
        ({"alerts": {}}, "alerts"),
        ({"alerts": None}, "alerts"),
        ({"alerts": [{"status": "broken"}]}, "alerts[0].status"),
        ({"alerts": [7]}, "alerts[0]"),
    ],
)
def test_a_payload_that_can_never_succeed_names_the_field(document: Any, field: str) -> None:
    with pytest.raises(PayloadProblem) as caught:
        parse(document)
    assert caught.value.field == field


def test_an_empty_group_is_no_problem() -> None:
    assert parse({"alerts": []}).alerts == []


@pytest.mark.parametrize("truncated", [None, -1, "3", 1.5, True])
def test_odd_counts_of_truncated_alerts_are_none(truncated: Any) -> None:
    assert parse({"alerts": [], "truncatedAlerts": truncated}).truncated_alerts == 0


def test_long_values_are_cut_and_say_so_and_the_identity_stays() -> None:
    labels = {"alertname": "A", "long": "é" * 3_000_000}
    parsed = parse({"alerts": [{"labels": labels, "annotations": {"summary": "x" * 2000, "short": "y"}}]})
    alert = parsed.alerts[0]
    assert alert.annotations["summary"] == "x" * 1024 + " … [cut, 2000 bytes]"
    assert alert.annotations["short"] == "y"
    assert len(alert.labels["long"]) < 600
    assert alert.fingerprint == label_fingerprint(labels)


def test_cut_never_splits_a_character() -> None:
    assert cut("é" * 10, 7) == "ééé … [cut, 20 bytes]"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":"x\\u0000y"}', {"a": "x\N{REPLACEMENT CHARACTER}y"}),
        (b'{"a\\u0000":["\\u0000"]}', {"a\N{REPLACEMENT CHARACTER}": ["\N{REPLACEMENT CHARACTER}"]}),
        (b'{"a":"x\\ud800y"}', {"a": "x\N{REPLACEMENT CHARACTER}y"}),
        (b'{"a":"\\ud83d\\ude00\\udc00"}', {"a": "\N{GRINNING FACE}\N{REPLACEMENT CHARACTER}"}),
        (b'{"a":"\xff"}', {"a": "\N{REPLACEMENT CHARACTER}"}),
        ('{"a":"内存"}'.encode(), {"a": "内存"}),
    ],
)
def test_what_postgresql_cannot_store_is_replaced(body: bytes, expected: Any) -> None:
    assert decode_body(body) == expected
    orjson.dumps(decode_body(body))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b"{'a':1}", b'{"a":NaN}', b"[" * 100_000, b'{"a":"\\ud800"', b"\xff\xfe"]
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadProblem) as caught:
        decode_body(body)
    assert caught.value.field == "body"
