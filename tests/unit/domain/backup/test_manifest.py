"""The manifest survives its JSON, and nothing less than a whole one is read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.domain.backup.manifest import FileEntry, Manifest, Part, from_json, to_json

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WHOLE = Manifest(
    id="20261120T120000Z",
    kind="incremental",
    parent_id="20261119T120000Z",
    created_at=NOW,
    finished_at=NOW,
    parts=(Part("vectors", NOW, (FileEntry("vectors/a", 3, "ab"), FileEntry("vectors/b", 4, "cd")), {"points": 7}),),
    made_by={"cmctl": "0.1.0"},
)


def test_round_trip() -> None:
    assert from_json(to_json(WHOLE)) == WHOLE
    assert WHOLE.size_bytes == 7


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"version": 2}, "version 2"),
    "naive time": ({"created_at": "2026-11-20T12:00:00"}, "no zone"),
    "parts that are no list": ({"parts": 5}, "malformed"),
    "incremental without parent": ({"parent_id": None}, "has a parent"),
    "size that does not add up": ({"parts": [{**to_json(WHOLE)["parts"][0], "size_bytes": 8}]}, "sum of its files"),
}


@pytest.mark.parametrize(("change", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_broken(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        from_json({**to_json(WHOLE), **change})


@pytest.mark.parametrize("key", to_json(WHOLE))
def test_every_key_is_needed(key: str) -> None:
    raw = to_json(WHOLE)
    del raw[key]
    with pytest.raises(ValueError, match=key):
        from_json(raw)
