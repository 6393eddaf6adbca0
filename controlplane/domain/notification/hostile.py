"""Alert text is written by strangers: make it harmless for a message, and keep secrets out of it."""

import json
import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SPACES = re.compile(r"[ \t]*\n\s*")
# Text that calls people or becomes markup in the channels: Slack's <!here> and <@U1>, @everyone, Markdown, HTML.
_MENTION = re.compile(r"@(?=\w)")
_MARKUP = str.maketrans({"<": "‹", ">": "›", "`": "'", "*": "∗", "[": "(", "]": ")", "_": "_", "|": "¦", "~": "∼"})
_SECRETS = (
    re.compile(r"(?P<kept>[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@]+(?=@)", re.IGNORECASE),
    re.compile(r"(?P<kept>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(
        r"(?P<kept>\b[\w-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization)\b"
        r"[\"']?\s*[:=]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)",
        re.IGNORECASE,
    ),
    re.compile(r"(?P<kept>)\b(?:sk|ghp|gho|xox[abprs]|AKIA|glpat)[-_A-Za-z0-9]{16,}"),
    re.compile(r"(?P<kept>)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
)


def redact(text: str, known: Iterable[str] = ()) -> str:
    """Text with everything that looks like a secret hidden, and every ``known`` secret for certain."""
    for secret in known:
        if len(secret) >= 4:
            text = text.replace(secret, HIDDEN)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<kept>{HIDDEN}", text)
    return text


def harmless(text: str, max_characters: int) -> str:
    """One line of plain text: no secrets, no control characters, no markup, no mentions, not too long."""
    text = redact(text[: max_characters * 4])
    text = _SPACES.sub(" ", _CONTROL.sub("", text))
    text = _MENTION.sub("@\u2060", text.translate(_MARKUP)).strip()
    return text if len(text) <= max_characters else f"{text[: max_characters - 1]}…"


def harmless_link(text: str, max_characters: int = 500) -> str:
    """An http or https URL without user name and spaces; anything else is an empty text."""
    text = text.strip()
    if len(text) > max_characters or not re.fullmatch(r"https?://[^\s<>\"'`\\\x00-\x1f\x7f]+", text):
        return ""
    return redact(re.sub(r"(?<=://)[^/@?#]*@", "", text))


def json_length(text: str) -> int:
    """Bytes of a text inside a JSON document of plain ASCII, the longest form in which channels send it."""
    return len(json.dumps(text)) - 2


def cut_to_json_length(text: str, max_bytes: int, mark: str = "\n…") -> str:
    """Whole lines of a text, as many as fit into ``max_bytes`` of JSON, with a mark when some are left out."""
    if json_length(text) <= max_bytes:
        return text
    left = max_bytes - json_length(mark)
    kept: list[str] = []
    for line in text.split("\n"):
        left -= json_length(line + "\n")
        if left < 0:
            break
        kept.append(line)
    return "\n".join(kept) + mark
