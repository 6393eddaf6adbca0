"""Real English sentences that every machine has: those of the docstrings of the installed Python modules."""

import ast
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def sentences(count: int) -> list[str]:
    """That many distinct sentences of 40 to 300 characters, always the same on the same installation."""
    found: dict[str, None] = {}
    for docstring in _docstrings():
        for sentence in _END.split(" ".join(docstring.split())):
            if 40 <= len(sentence) <= 300:
                found[sentence] = None
        if len(found) >= count:
            return list(found)[:count]
    raise RuntimeError(f"only {len(found)} sentences on this machine")


def _docstrings() -> Iterator[str]:
    paths = sysconfig.get_paths()
    for folder in (paths["stdlib"], paths["purelib"]):
        for file in sorted(Path(folder).rglob("*.py")):
            try:
                tree = ast.parse(file.read_bytes())
            except (SyntaxError, ValueError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    yield ast.get_docstring(node) or ""
