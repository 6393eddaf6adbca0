"""The published schema and what is written agree."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controlplane.domain.backup.manifest import to_json
from tests.unit.domain.backup.test_manifest import WHOLE

SCHEMA = json.loads((Path(__file__).parents[4] / "docs" / "backup-manifest.schema.json").read_text(encoding="utf-8"))


def written() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(json.dumps(to_json(WHOLE)))
    for file in raw["parts"][0]["files"]:
        file["sha256"] = "ab" * 32
    return raw


def test_what_is_written_fits() -> None:
    jsonschema.validate(written(), SCHEMA)


def test_the_schema_names_every_key() -> None:
    raw = written()
    part = SCHEMA["properties"]["parts"]["items"]
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"]) == set(raw)
    assert set(part["required"]) == set(part["properties"]) == set(raw["parts"][0])


def test_a_wrong_hash_does_not_fit() -> None:
    raw = written()
    raw["parts"][0]["files"][0]["sha256"] = "short"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(raw, SCHEMA)
