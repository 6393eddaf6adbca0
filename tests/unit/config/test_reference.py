"""The reference page and the sample file say what the schema says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.config import reference
from controlplane.config.flatten import flatten, with_sources
from controlplane.config.load import parse

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(
    ("name", "make"),
    [("configuration.md", reference.reference_page), ("cmctl.sample.yml", reference.sample_file)],
)
def test_generated_files_are_up_to_date(name: str, make: Any) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == make(), (
        f"make it anew: cmctl config reference|sample > docs/{name}"
    )


def test_the_sample_is_valid_and_changes_nothing() -> None:
    sample = yaml.safe_load(reference.sample_file())
    assert parse(sample, "sample").model_dump(mode="json") == reference.defaults()


def test_every_setting_has_a_description() -> None:
    whole = reference.schema()
    missing = [path for path, part in _properties(whole, whole) if not part.get("description")]
    assert missing == []


def test_every_setting_is_on_the_page() -> None:
    page = reference.reference_page()
    for path, _ in flatten(reference.defaults()):
        assert f"| `{path.rpartition('.')[2]}` |" in page, path


def test_sources_of_settings() -> None:
    found = with_sources({"a": {"b": 1, "c": []}, "data_dir": "/d"}, {"a": {"b": 1}})
    assert [(item.path, item.source) for item in found] == [("a.b", "file"), ("a.c", "default"), ("data_dir", "option")]


def _properties(part: dict[str, Any], whole: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, raw in part["properties"].items():
        target = whole["$defs"][raw["$ref"].rpartition("/")[2]] if "$ref" in raw else {}
        child = {**target, **raw}
        yield f"{prefix}{name}", child
        if "properties" in child:
            yield from _properties(child, whole, f"{prefix}{name}.")
