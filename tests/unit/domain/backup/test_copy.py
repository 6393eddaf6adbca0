"""Volumes of copies: every byte of every file is in exactly one, in order; names and labels are read back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.domain.backup.copy import (
    Index,
    Label,
    Slice,
    Stored,
    index_from_json,
    index_to_json,
    label_from_json,
    label_to_json,
    volumes,
)

MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
INDEX = Stored("index", 7, "ab" * 32)
LABEL = Label("20261120T120000Z", "full", None, MOMENT, MOMENT, "7", "0/28", "age", INDEX, (Stored("a", 1, "cd" * 32),))


@given(st.lists(st.integers(0, 100), max_size=30), st.integers(1, 40))
def test_every_byte_is_in_exactly_one_volume(sizes: list[int], limit: int) -> None:
    files = [(f"f{number}", size) for number, size in enumerate(sizes)]
    packed = volumes(files, limit)
    assert all(sum(item.length for item in volume) <= limit for volume in packed)
    found: dict[str, int] = {}
    for item in (item for volume in packed for item in volume):
        assert item.offset == found.get(item.path, 0)
        found[item.path] = item.offset + item.length
    assert found == dict(files)
    assert all(sum(item.length for item in volume) == limit for volume in packed[:-1])


def test_a_name_tells_size_and_hash() -> None:
    stored = Stored("16m-00001", 5, "ab" * 32)
    assert Stored.parse(stored.name) == stored
    for name in ("copy.json", f"{stored.name}.part", "16m-00001.5.ab"):
        assert Stored.parse(name) is None


def test_label_and_index_are_read_back() -> None:
    assert label_from_json(label_to_json(LABEL)) == LABEL
    index = Index(("postgresql/pg_notify",), ((Slice("a/b", 0, 3), Slice("c", 0, 0)), (Slice("a/b", 3, 1),)))
    assert index_from_json(index_to_json(index)) == index


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "a/../../b", 7])
def test_nothing_leaves_the_folder_of_the_set(path: object) -> None:
    with pytest.raises(ValueError, match="is not a path inside a set"):
        index_from_json({"folders": [], "volumes": [[[path, 0, 1]]]})
    with pytest.raises(ValueError, match="is not a path inside a set"):
        index_from_json({"folders": [path], "volumes": []})


@pytest.mark.parametrize("change", [{"version": 2}, {"id": "../x"}, {"volumes": ["x"]}, {"index": None}, {"kind": ...}])
def test_a_wrong_label_is_refused(change: dict[str, object]) -> None:
    raw = label_to_json(replace(LABEL)) | change
    if change.get("kind") is ...:
        del raw["kind"]
    with pytest.raises(ValueError, match=r"version|no id|no name|malformed"):
        label_from_json(raw)
