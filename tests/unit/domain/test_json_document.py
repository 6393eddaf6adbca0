"""Changing one member of a JSON text."""

import json

import pytest

from controlplane.domain.json_document import with_member

PATH = ("servers", "memory")
ENTRY = {"type": "http", "url": "http://127.0.0.1:8080/mcp"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "{}\n",
            '{\n  "servers": {\n    "memory": 1\n  }\n}\n',
            id="empty object",
        ),
        pytest.param(
            '{"a":1e400,  "b" : [1.0,\t2]}',
            '{"a":1e400,  "b" : [1.0,\t2],\n  "servers": {\n    "memory": 1\n  }}',
            id="odd spacing and numbers stay",
        ),
        pytest.param(
            '{\n\t"servers": {\n\t\t"other": {}\n\t},\n\t"z": "\\u00e9"\n}',
            '{\n\t"servers": {\n\t\t"other": {},\n\t\t"memory": 1\n\t},\n\t"z": "\\u00e9"\n}',
            id="tabs and escapes stay",
        ),
        pytest.param(
            '{\n    "servers": {"memory": {"old": true}, "other": 2}\n}',
            '{\n    "servers": {"memory": 1, "other": 2}\n}',
            id="an old entry is replaced in place",
        ),
        pytest.param('{"servers": {"memory": 1}}', '{"servers": {"memory": 1}}', id="nothing to do"),
        pytest.param(
            '{"servers": {"memory": 2}, "servers": {"memory": 3}}',
            '{"servers": {"memory": 2}, "servers": {"memory": 1}}',
            id="of equal keys the last counts",
        ),
        pytest.param('{"servers": {}}', '{"servers": {\n    "memory": 1\n  }}', id="empty section"),
    ],
)
def test_only_the_member_changes(text: str, expected: str) -> None:
    changed = with_member(text, PATH, 1)
    assert changed == expected
    assert json.loads(changed)["servers"]["memory"] == 1


def test_an_entry_is_indented_like_the_file() -> None:
    assert with_member('{\n    "a": 1\n}', PATH, ENTRY) == (
        '{\n    "a": 1,\n    "servers": {\n        "memory": {\n            "type": "http",\n'
        '            "url": "http://127.0.0.1:8080/mcp"\n        }\n    }\n}'
    )


def test_an_equal_entry_keeps_its_spelling() -> None:
    text = '{"servers": {"memory": {"url": "http:\\/\\/127.0.0.1:8080\\/mcp", "type": "http"}}}'
    assert with_member(text, PATH, ENTRY) == text


@pytest.mark.parametrize("text", ["[]", "7", "{", "", '{"servers": []}', '{"servers": null}'])
def test_what_cannot_take_a_member(text: str) -> None:
    with pytest.raises(ValueError):
        with_member(text, PATH, ENTRY)
