"""Channels that refuse with HTTP status 200."""

import json

import pytest

from controlplane.adapters.notifiers.refusals import Refusal, refusal

KEYWORDS = {"errcode": 310000, "errmsg": "keywords not in content"}


@pytest.mark.parametrize(
    ("case", "scheme", "said", "expected"),
    [
        ("taken", "dingtalk", {"errcode": 0, "errmsg": "ok"}, None),
        (
            "for good",
            "dingtalk",
            KEYWORDS,
            Refusal("the channel refused it with code 310000: keywords not in content", False),
        ),
        (
            "too many",
            "dingtalk",
            {"errcode": 130101, "errmsg": "send too fast"},
            Refusal("the channel refused it with code 130101: send too fast", True),
        ),
        ("taken", "wecombot", {"errcode": 0, "errmsg": "ok"}, None),
        (
            "for good",
            "wecombot",
            {"errcode": 93000},
            Refusal("the channel refused it with code 93000: no reason given", False),
        ),
        ("taken, the older form", "feishu", {"StatusCode": 0, "StatusMessage": "success"}, None),
        ("taken, both forms", "feishu", {"StatusCode": 0, "code": 0, "msg": "success"}, None),
        (
            "too many",
            "lark",
            {"code": 11232, "msg": "frequency limited"},
            Refusal("the channel refused it with code 11232: frequency limited", True),
        ),
        ("no code", "feishu", {"msg": "?"}, Refusal("the channel answered without a code: ?", True)),
        ("no object", "lark", [1], Refusal("the channel answered with something else than an object", True)),
        ("others speak by their status", "json", {"errcode": 5, "code": 5}, None),
        ("others speak by their status", "slack", "ok", None),
    ],
)
def test_what_an_answer_means(case: str, scheme: str, said: object, expected: Refusal | None) -> None:
    assert refusal(scheme, json.dumps(said).encode()) == expected, case


def test_an_answer_that_is_no_json_is_not_taken_for_a_yes() -> None:
    assert refusal("dingtalk", b"<html>") == Refusal("the channel answered with something else than JSON", True)
    assert refusal("slack", b"ok") is None
