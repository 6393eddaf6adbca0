"""Every setting by its dotted path: what its value is, and where that comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["file", "option", "default"]


@dataclass(frozen=True)
class Setting:
    """One setting in use."""

    path: str
    value: Any
    source: Source


def flatten(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every leaf; lists and empty mappings are leaves."""
    for key, value in document.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{path}.")
        else:
            yield path, value


def with_sources(effective: Mapping[str, Any], from_file: Mapping[str, Any]) -> list[Setting]:
    """Every setting in use. The data directory comes from an option when the file does not name it."""
    in_file = {path for path, _ in flatten(from_file)}

    def source(path: str) -> Source:
        if path in in_file:
            return "file"
        return "option" if path == "data_dir" else "default"

    return [Setting(path, value, source(path)) for path, value in flatten(effective)]
