"""Renderers shared by every reading verb: table, json, yaml. Stdout is data, stderr is for people."""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def output_option(function: Function) -> Function:
    """Add ``-o/--output table|json|yaml`` and its alias ``--json``; the command receives ``output``."""
    function = click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "yaml"]),
        default="table",
        show_default=True,
        help="Output format.",
    )(function)
    return click.option("--json", "output", flag_value="json", help="Same as -o json.")(function)


def emit(data: Any, output: str, table: Callable[[], str]) -> None:
    """Print ``data`` as JSON or YAML, or call ``table`` for people. JSON is never coloured."""
    if output == "json":
        click.echo(json.dumps(plain(data), ensure_ascii=False, indent=2))
    elif output == "yaml":
        import yaml

        click.echo(yaml.safe_dump(plain(data), allow_unicode=True, sort_keys=False), nl=False)
    else:
        click.echo(table())


def plain(value: Any) -> Any:
    """Turn dataclasses, datetimes (RFC 3339, UTC), enums and paths into JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to the widest cell, by display width (Chinese characters count two)."""
    table = [list(headers), *[list(row) for row in rows]]
    widths = [max(display_width(row[i]) for row in table) for i in range(len(headers))]
    lines = []
    for row in table:
        cells = [cell + " " * (width - display_width(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def display_width(text: str) -> int:
    """Terminal columns that ``text`` takes, ANSI colours excluded."""
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in click.unstyle(text))


def wants_colour() -> bool:
    """Colour on a terminal unless NO_COLOR is set."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def colour(text: str, name: str) -> str:
    """Text in a colour (green, yellow, red …) when the terminal wants it."""
    return click.style(text, fg=name) if wants_colour() else text
