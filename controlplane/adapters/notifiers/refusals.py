"""Channels that say "no" with HTTP status 200: what they mean.

DingTalk, WeCom, Feishu and Lark answer every request that reached them with
200 and put a code into the body. Apprise looks at the status only. Sources:
open.dingtalk.com (custom robots, error codes), developer.work.weixin.qq.com
(global error codes), open.feishu.cn (custom bots).
"""

import json
from dataclasses import dataclass

_FIELDS = {
    "dingtalk": ("errcode",),
    "wecombot": ("errcode",),
    "feishu": ("code", "StatusCode"),
    "lark": ("code", "StatusCode"),
}
_WORDS = ("errmsg", "msg", "StatusMessage")
# Wrong token, signature, address or keyword: the same message will get the same answer. Everything else may pass, above
# all "too many messages" (DingTalk 130101, WeCom 45009, Feishu 11232).
_PERMANENT = {
    "dingtalk": frozenset({300001, 300005, 310000, 400013, 400101}),
    "wecombot": frozenset({40008, 40058, 93000}),
    "feishu": frozenset({9499, 19001, 19002, 19021, 19022, 19024}),
    "lark": frozenset({9499, 19001, 19002, 19021, 19022, 19024}),
}


@dataclass(frozen=True)
class Refusal:
    """That a channel did not take a message although its HTTP status says so."""

    detail: str
    can_retry: bool


def refusal(scheme: str, body: bytes) -> Refusal | None:
    """What an answer of a channel (by the scheme of its Apprise URL) with status 200 refuses, if anything."""
    if scheme not in _FIELDS:
        return None
    try:
        said = json.loads(body)
    except ValueError:
        return Refusal("the channel answered with something else than JSON", can_retry=True)
    if not isinstance(said, dict):
        return Refusal("the channel answered with something else than an object", can_retry=True)
    codes = [said[name] for name in _FIELDS[scheme] if name in said]
    wrong = [code for code in codes if code != 0]
    if codes and not wrong:
        return None
    words = next((str(said[name]) for name in _WORDS if said.get(name)), "no reason given")
    if not codes:
        return Refusal(f"the channel answered without a code: {words}", can_retry=True)
    return Refusal(f"the channel refused it with code {wrong[0]}: {words}", wrong[0] not in _PERMANENT[scheme])
