"""Loads the named queries of queries.sql."""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def named_queries() -> dict[str, LiteralString]:
    """Every query of queries.sql by name. They are part of the program, hence literal."""
    text = (Path(__file__).parent / "queries.sql").read_text(encoding="utf-8")
    pieces = _HEADING.split(text)[1:]
    return {name: cast(LiteralString, query.strip()) for name, query in zip(pieces[::2], pieces[1::2], strict=True)}
