"""Every channel that we name, through the real sender and Apprise to a stand-in for its server: what it is sent, and
what its answers are taken for."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controlplane.adapters.notifiers.process import SenderChannel, SenderProcess
from controlplane.config.notifications import Receiver, SecretReference
from controlplane.domain.notification.delivery import DeliveryOutcome
from controlplane.domain.notification.hostile import cut_to_json_length, json_length
from tests.support.channels import Channels, played_channels

TITLE, BODY = "[P0] FIRING 告警: Down", "db:9100 does not answer\n数据库没有响应"
REFERENCE = SecretReference(environment="UNUSED")


@dataclass(frozen=True)
class Case:
    """A channel: its URL, the server that it means, a part of the path, and what the server says to what it takes."""

    url: str
    host: str
    path: str
    taken: Any
    status: int = 200

    @property
    def scheme(self) -> str:
        return self.url.split(":")[0]


CASES = [
    Case(
        "dingtalk://SEC0123456789@tokentokentoken/", "oapi.dingtalk.com", "access_token=tokentokentoken", {"errcode": 0}
    ),
    Case("wecombot://0a1b2c3d-aaaa-bbbb-cccc-0a1b2c3d4e5f/", "qyapi.weixin.qq.com", "key=0a1b2c3d", {"errcode": 0}),
    Case("feishu://0a1b2c3d-aaaa-bbbb/", "open.feishu.cn", "/hook/0a1b2c3d-aaaa-bbbb", {"code": 0, "msg": "success"}),
    Case("lark://0a1b2c3d-aaaa-bbbb", "open.larksuite.com", "/hook/0a1b2c3d-aaaa-bbbb", {"StatusCode": 0}),
    Case(
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
        "hooks.slack.com",
        "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        b"ok",
    ),
    Case("tgram://123456789:abcdefg_hijklmnop/12315544/", "api.telegram.org", "/bot123456789:abcdefg", {"ok": True}),
    Case(
        f"pagerduty://{'i' * 32}@{'a' * 20}/db/prometheus",
        "events.pagerduty.com",
        "/v2/enqueue",
        {"status": "success"},
        202,
    ),
]
SECRETS = ("tokentokentoken", "SEC0123456789", "0a1b2c3d", "TIiajkdnlazkcOXrIdevi7FQ", "abcdefg_hij", "iiiiii")
REFUSES_WITH_200 = [
    ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, False),
    ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, True),
    ("wecombot", {"errcode": 45009, "errmsg": "api freq out of limit"}, True),
    ("wecombot", {"errcode": 93000, "errmsg": "invalid webhook url"}, False),
    ("feishu", {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}, False),
    ("lark", {"code": 11232, "msg": "frequency limited"}, True),
    ("slack", {"ok": False, "error": "channel_not_found"}, True),
]


class People:
    """Sends to any channel through one sender, whose requests all go to the played servers."""

    def __init__(self, channels: Channels) -> None:
        self.channels = channels
        self._sender = SenderProcess()

    async def tell(self, case: Case, answer: Any, status: int, body: str = BODY) -> DeliveryOutcome:
        self.channels.status, self.channels.answer = status, answer
        self.channels.posts.clear()
        return await SenderChannel(self._sender, REFERENCE, lambda reference: case.url, 60).send(TITLE, body)

    async def close(self) -> None:
        await self._sender.close()


@pytest.fixture
async def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[People]:
    with played_channels(tmp_path, [case.host for case in CASES]) as channels:
        for name, value in channels.environment.items():
            monkeypatch.setenv(name, value)
        people = People(channels)
        yield people
        await people.close()


async def test_a_message_is_sent_where_it_belongs_and_taken(people: People) -> None:
    for case in CASES:
        outcome = await people.tell(case, case.taken, case.status)
        assert outcome.succeeded, f"{case.scheme}: {outcome.detail}"
        (post,) = people.channels.posts
        assert (post.host, case.path in post.path) == (case.host, True), post.path
        text = json.dumps(json.loads(post.body), ensure_ascii=False)
        for words in ("FIRING", "告警", "db:9100 does not answer", "数据库没有响应"):
            assert words in text, case.scheme
        assert len(post.body) < 20_000


async def test_the_longest_message_is_one_that_dingtalk_takes(people: People) -> None:
    dingtalk = CASES[0]
    longest = Receiver(name="people", url=REFERENCE).max_bytes
    for line in ("数据库没有响应，磁盘已满。\n", 'db:9100 "does not" answer\n'):
        body = cut_to_json_length(line * 2000, longest - json_length(TITLE))
        outcome = await people.tell(dingtalk, dingtalk.taken, dingtalk.status, body)
        assert outcome.succeeded, outcome.detail
        (post,) = people.channels.posts
        assert 0.8 * longest < len(post.body) < 20_000
        assert "…" in json.dumps(json.loads(post.body), ensure_ascii=False)


async def test_a_refusal_is_one_that_a_retry_does_not_mend_and_shows_no_secret(people: People) -> None:
    for case in CASES:
        outcome = await people.tell(case, {"errmsg": "no"}, 403)
        assert (outcome.succeeded, outcome.can_retry) == (False, False), f"{case.scheme}: {outcome.detail}"
        for secret in SECRETS:
            assert secret not in outcome.detail, case.scheme


async def test_a_refusal_with_status_200_is_not_taken_for_a_receipt(people: People) -> None:
    for scheme, answer, can_retry in REFUSES_WITH_200:
        (case,) = [one for one in CASES if one.scheme == scheme]
        outcome = await people.tell(case, answer, 200)
        assert (outcome.succeeded, outcome.can_retry) == (False, can_retry), f"{scheme}: {outcome.detail}"
