"""Changes one member of a JSON text and leaves every other byte as it is."""

import json
import re
from collections.abc import Sequence
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"\{\r?\n([ \t]+)")
_DECODER = json.JSONDecoder()


def with_member(text: str, path: Sequence[str], value: Any) -> str:
    """``text`` with ``value`` at ``path``; objects on the way are created. An equal value changes nothing.

    Raises ValueError when the text is not a JSON object, or something on the way is not one.
    """
    if not isinstance(json.loads(text), dict):
        raise ValueError("the top level is not an object")
    indent = match.group(1) if (match := _INDENT.search(text)) else "  "
    return _with_member(text, _SPACE.match(text, 0).end(), path, value, indent, 1)  # type: ignore[union-attr]


def _with_member(text: str, start: int, path: Sequence[str], value: Any, indent: str, depth: int) -> str:
    """``start`` is the position of the object's opening brace."""
    key, *rest = path
    members = _members(text, start)
    for name, value_start, value_end in reversed(members):  # of equal keys the last one counts
        if name == key:
            return _changed(text, value_start, value_end, rest, value, indent, depth)
    inner: Any = value
    for name in reversed(rest):
        inner = {name: inner}
    return _appended(text, start, members, f"{json.dumps(key)}: {_dumped(inner, indent, depth)}", indent, depth)


def _changed(text: str, start: int, end: int, rest: Sequence[str], value: Any, indent: str, depth: int) -> str:
    present = json.loads(text[start:end])
    if rest:
        if not isinstance(present, dict):
            raise ValueError(f"the value that should hold {rest[0]!r} is not an object")
        return _with_member(text, start, rest, value, indent, depth + 1)
    if present == value:
        return text
    return text[:start] + _dumped(value, indent, depth) + text[end:]


def _appended(
    text: str, start: int, members: Sequence[tuple[str, int, int]], member: str, indent: str, depth: int
) -> str:
    line = "\n" + indent * depth + member
    if members:
        end = members[-1][2]
        return text[:end] + "," + line + text[end:]
    closing = text.index("}", start)
    return text[: start + 1] + line + "\n" + indent * (depth - 1) + text[closing:]


def _members(text: str, start: int) -> list[tuple[str, int, int]]:
    """Key, start and end of the value, of each member of the object that opens at ``start``. The text is valid."""
    members: list[tuple[str, int, int]] = []
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        value_start = _skip(text, _skip(text, position) + 1)
        _, value_end = _DECODER.raw_decode(text, value_start)
        members.append((str(key), value_start, value_end))
        position = _skip(text, value_end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return members


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _dumped(value: Any, indent: str, depth: int) -> str:
    lines = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")
    return ("\n" + indent * depth).join(lines)
