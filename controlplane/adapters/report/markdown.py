"""Quoting for Markdown: what people wrote into alerts must not become markup, links or cells of its own."""

import re
from collections.abc import Sequence

from controlplane.services.slo.report.document import Inline

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")
_SPACE = re.compile(r"[\r\n\t\f\v\u0085\u2028\u2029]+")


def quoted(cell: Sequence[Inline]) -> str:
    """A cell as one line of Markdown."""
    return "".join(_inline(one) for one in cell).strip()


def _inline(inline: Inline) -> str:
    if inline.text == "\n":
        return "<br>"
    text = _SPACE.sub(" ", inline.text)
    if inline.kind == "code":
        return _code(text)
    escaped = _SPECIAL.sub(r"\\\1", text)
    if inline.href:
        return f"[{escaped}]({_address(inline.href)})"
    if inline.kind in ("strong", "missed", "at_risk", "not_enough_data"):
        return f"**{escaped}**" if escaped.strip() else escaped
    return escaped


def _code(text: str) -> str:
    """Code between more backticks than it holds; a bar would end the cell of a table even there."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest or not text else ""
    return f"{fence}{space}{text.replace('|', chr(92) + '|')}{space}{fence}"


def _address(href: str) -> str:
    return re.sub(r"[\s<>()\\|`]", lambda match: f"%{ord(match[0]):02X}", href)
