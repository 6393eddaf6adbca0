"""Render the shipped Jinja templates. An undefined variable is an error, never an empty string."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2


class TemplateFolder:
    """Templates of one folder, rendered by name without their ``.j2``."""

    def __init__(self, folder: Path) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - configuration files, not HTML; values are quoted by `tojson`
        )

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """Text of template ``name``. Raises jinja2.TemplateError, which is a defect of ours."""
        return self._environment.get_template(f"{name}.j2").render(variables)
