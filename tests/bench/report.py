"""Results as a table for the terminal and as a Markdown page."""

from collections.abc import Iterator, Mapping
from typing import Any


def rows(result: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Name and value of each figure, nested ones with dotted names."""
    for name, value in result.items():
        if isinstance(value, Mapping):
            yield from rows(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _cell(value)


def as_text(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """A block for each benchmark."""
    lines = []
    for name, result in measured.items():
        figures = list(rows(result))
        width = max(len(figure) for figure, _ in figures)
        lines += [name, *(f"  {figure:<{width}}  {value}" for figure, value in figures), ""]
    return "\n".join(lines)


def as_markdown(document: Mapping[str, Any]) -> str:
    """The results page."""
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    lines = [
        f"# Benchmarks of {machine['date'][:10]} on {machine['cores']} cores",
        "",
        f"{machine['processor']}, {machine['memory_gb']} GB memory, {machine['system']}, Python {machine['python']}, "
        f"commit {machine['commit']}.",
        f"Packages: {versions}.",
        "",
        "Made by `make bench`. Figures are medians unless their name says otherwise; a ratio compares with a baseline",
        "of the same run. `load_before` is the machine's load average just before: well above 0 means that other",
        "work took part of the processors, and absolute times are too long.",
    ]
    for name, result in document["results"].items():
        lines += ["", f"## {name}", "", "| figure | value |", "|---|---|"]
        lines += [f"| `{figure}` | {value} |" for figure, value in rows(result)]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
