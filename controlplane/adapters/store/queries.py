"""Named queries: SQL lives in the files ``*queries.sql`` beside this file."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def load_queries() -> dict[str, LiteralString]:
    """Every query by its name. The text is ours, never built from input."""
    found: dict[str, LiteralString] = {}
    for path in sorted(_FOLDER.glob("*queries.sql")):
        parts = _NAME.split(path.read_text(encoding="utf-8"))
        found |= {name: cast(LiteralString, sql.strip()) for name, sql in zip(parts[1::2], parts[2::2], strict=True)}
    return found


def query(name: str) -> LiteralString:
    """One query. Raises KeyError for an unknown name."""
    return load_queries()[name]
