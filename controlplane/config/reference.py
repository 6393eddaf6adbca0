"""The reference page and the sample file, both made from the schema."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from controlplane.config.check_kinds import CHECK_KINDS
from controlplane.config.schema import Settings

# Where a deployed system keeps its state; the schema itself has no default for it.
SAMPLE_DATA_DIR = Path("/var/lib/claude-memory")
Schema = Mapping[str, Any]

_INTRODUCTION = """# Configuration

Every setting of `cmctl.yml`. This page is made by `cmctl config reference`; a test keeps it up to date.
`cmctl config show --sources` prints the settings in use and where each comes from, `cmctl config validate` checks a
file, and `docs/cmctl.sample.yml` has every default. Unknown settings are errors. Durations are seconds unless the name
says otherwise. Secrets are never in this file: they are files of their own, and settings name their paths.
"""
_KINDS_INTRODUCTION = """## Check kinds

What `target` means for each `kind` of `checks.definitions`, and what the limits `warning` and `critical` apply to.

| kind | target | measures | limits without `warning` and `critical` |
|---|---|---|---|
"""
_BOUNDS = (("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}"), ("exclusiveMaximum", "< {}"))


def schema() -> dict[str, Any]:
    """The JSON schema of the configuration."""
    return Settings.model_json_schema()


def reference_page() -> str:
    """The reference page, as Markdown."""
    whole = schema()
    parts = [_INTRODUCTION, _section_text("Top level", whole, whole, defaults())]
    for name, part in _sections(whole, whole):
        parts.append(_section_text(f"`{name}`", part, whole, _value_at(defaults(), name)))
    kinds = "\n".join(
        f"| `{kind}` | {text.target} | {text.measures} | {text.limits} |" for kind, text in CHECK_KINDS.items()
    )
    return "\n".join([*parts, _KINDS_INTRODUCTION + kinds + "\n"])


def sample_file() -> str:
    """A configuration file with every default, each with its description; it is valid as it stands."""
    whole = schema()
    lines = ["# Every setting with its default. Made by: cmctl config sample", *_sample(whole, whole, defaults(), "")]
    return "\n".join(lines) + "\n"


def defaults() -> dict[str, Any]:
    """The default of every setting, as plain values."""
    return Settings(data_dir=SAMPLE_DATA_DIR).model_dump(mode="json")


def _resolved(part: Schema, whole: Schema) -> Schema:
    """A property with its reference followed; what stands beside the reference wins."""
    reference = part.get("$ref")
    if reference is None:
        return part
    return {**whole["$defs"][reference.rpartition("/")[2]], **part}


def _item(part: Schema, whole: Schema) -> Schema | None:
    """The section that the items of a list are, None when they are plain values."""
    items = _resolved(part.get("items", {}), whole)
    return items if "properties" in items else None


def _sections(part: Schema, whole: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    for name, raw in part["properties"].items():
        child = _resolved(raw, whole)
        path = f"{prefix}{name}"
        if "properties" in child:
            yield path, child
            yield from _sections(child, whole, f"{path}.")
        elif item := _item(child, whole):
            yield f"{path}[]", item


def _section_text(title: str, part: Schema, whole: Schema, values: Any) -> str:
    rows = [_row(name, _resolved(raw, whole), whole, values) for name, raw in part["properties"].items()]
    kept = [row for row in rows if row]
    text = f"## {title}\n\n{_one_line(part.get('description', ''))}\n"
    if not kept:
        return text
    return text + "\n| setting | type | default | description |\n|---|---|---|---|\n" + "\n".join(kept) + "\n"


def _row(name: str, child: Schema, whole: Schema, values: Any) -> str:
    """One line of a table; sections have a table of their own instead."""
    if "properties" in child:
        return ""
    default = values.get(name) if isinstance(values, Mapping) else child.get("default")
    shown = "-" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
    if name == "data_dir" and isinstance(values, Mapping):
        shown = "`--data-dir`"
    return f"| `{name}` | {_type_text(child, whole)} | {shown} | {_one_line(child.get('description', ''))} |"


def _type_text(child: Schema, whole: Schema) -> str:
    if "enum" in child:
        return ", ".join(f"`{value}`" for value in child["enum"])
    if "const" in child:
        return f"`{child['const']}`"
    if options := child.get("anyOf"):
        return " or ".join(
            _type_text(_resolved(option, whole), whole) for option in options if option.get("type") != "null"
        )
    if child.get("type") == "array":
        item = _item(child, whole)
        return "list of the section below" if item else f"list of {_type_text(_resolved(child['items'], whole), whole)}"
    if child.get("type") == "object":
        return "mapping"
    kind = "path" if child.get("format") == "path" else str(child.get("type", "any"))
    bounds = [text.format(child[key]) for key, text in _BOUNDS if key in child]
    return ", ".join([kind, *bounds])


def _value_at(values: Any, path: str) -> Any:
    """The default of a section, None for the items of a list."""
    for part in path.split("."):
        if part.endswith("[]"):
            return None
        values = values[part]
    return values


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def _sample(part: Schema, whole: Schema, values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, raw in part["properties"].items():
        child = _resolved(raw, whole)
        yield f"{indent}# {_one_line(child.get('description', ''))}"
        if "properties" in child:
            yield f"{indent}{name}:"
            yield from _sample(child, whole, values[name], indent + "  ")
        else:
            line = yaml.safe_dump({name: values[name]}, allow_unicode=True, width=1000).rstrip()
            yield from (indent + piece for piece in line.splitlines())
