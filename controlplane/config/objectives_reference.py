"""The reference page of objectives, made from their schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from controlplane.config.objectives import ObjectivesFile

Schema = Mapping[str, Any]
_INTRODUCTION = """# Objectives

Every key of `objectives/<profile>.yml`. This page is made by `cmctl slo reference`; a test keeps it up to date. What
the numbers mean is in `docs/slo.md`. A file of the same name in `etc/objectives` of the data directory replaces the
shipped one. Unknown keys are errors; all mistakes of a file are reported at once, each with its path. Durations are
Prometheus durations such as `30d` or `1m30s`. The words are those of OpenSLO; `kind` says which indicator it is.
"""
_HEADER = "| key | type | default | what it is |\n|---|---|---|---|\n"


def objectives_page() -> str:
    """The reference page, as Markdown."""
    whole = ObjectivesFile.model_json_schema()
    parts = [("The file", whole), *sorted(whole["$defs"].items())]
    return _INTRODUCTION + "".join(_section(name, part) for name, part in parts if "properties" in part)


def _section(name: str, part: Schema) -> str:
    rows = "".join(_rows(part))
    description = " ".join(str(part.get("description", "")).split())
    return f"\n## {name}\n\n{description}\n\n{_HEADER}{rows}"


def _rows(part: Schema) -> Iterator[str]:
    required = part.get("required", ())
    for name, prop in part["properties"].items():
        default = "required" if name in required else _default(prop)
        text = str(prop.get("description", "")).replace("|", "\\|")
        yield f"| `{name}` | {_type(prop)} | {default} | {text} |\n"


def _default(prop: Schema) -> str:
    if "default" not in prop:
        return "empty" if prop.get("type") == "array" else "that of its keys"
    value = prop["default"]
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(prop: Schema) -> str:
    if "const" in prop:
        return f"`{prop['const']}`"
    if "enum" in prop:
        return ", ".join(f"`{value}`" for value in prop["enum"])
    if "$ref" in prop:
        return str(prop["$ref"]).rsplit("/", 1)[-1]
    for key in ("anyOf", "oneOf"):
        if key in prop:
            return " or ".join(_type(one) for one in prop[key] if one.get("type") != "null")
    if prop.get("type") == "array":
        return f"list of {_type(prop['items'])}"
    return str(prop.get("type", "object"))
