"""From the bytes of a webhook body to a JSON value that PostgreSQL can store.

NUL characters and lone surrogates, which JSON can spell and PostgreSQL cannot
store, become U+FFFD; so do bytes that are not UTF-8.
"""

import json
import re
from typing import Any

import orjson

from controlplane.errors import CmctlError

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class PayloadProblem(CmctlError):
    """A payload that can never succeed; ``field`` names where the problem is."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


def decode_body(body: bytes) -> Any:
    """Decode JSON. Raises PayloadProblem when it is not JSON."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return clean(_decode_leniently(body, error))
    return clean(document) if b"\\u0000" in body else document


def _decode_leniently(body: bytes, strict_error: orjson.JSONDecodeError) -> Any:
    """Second try for what the fast parser refuses but a sender may mean: lone surrogates and wrong UTF-8."""
    text = body.decode("utf-8", errors="replace")
    if _REPLACEMENT not in text and not _SURROGATE_ESCAPE.search(body):
        raise PayloadProblem("body", f"not JSON: {strict_error}") from strict_error
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadProblem("body", f"not JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def clean(value: Any) -> Any:
    """The value with every unstorable character replaced, keys included."""
    if isinstance(value, str):
        return _UNSTORABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def cut(text: str, max_bytes: int) -> str:
    """Text of at most ``max_bytes`` of UTF-8, plus a mark that says how much is missing."""
    if len(text) * 4 <= max_bytes:
        return text
    encoded = text.encode("utf-8")
    if len(encoded) <= max_bytes:
        return text
    kept = encoded[:max_bytes].decode("utf-8", errors="ignore")
    return f"{kept} … [cut, {len(encoded)} bytes]"
