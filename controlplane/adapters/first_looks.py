"""What the runbook says to look at first, read from its own pages."""

import re
from functools import cache
from pathlib import Path

_ENTRY = re.compile(r"^### (\w+)\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
_FIRST = {
    "en": re.compile(r"^- \*\*First look:\*\* (.+)$", re.MULTILINE),
    "zh": re.compile(r"^- \*\*先看：\*\* ?(.+)$", re.MULTILINE),
}
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_FILES = {"en": "runbook.md", "zh": "runbook.zh.md"}


class RunbookFirstLooks:
    """Implements FirstLooks from ``docs/runbook.md`` and ``docs/runbook.zh.md``."""

    def __init__(self, docs: Path) -> None:
        self._docs = docs

    def first_look(self, alert_name: str, language: str) -> str:
        """The sentence for an alert as plain text, empty when the runbook has none."""
        return _read(self._docs / _FILES[language], language).get(alert_name, "")


@cache
def _read(page: Path, language: str) -> dict[str, str]:
    if not page.is_file():
        return {}
    found = {}
    for name, text in _ENTRY.findall(page.read_text(encoding="utf-8")):
        if first := _FIRST[language].search(text):
            found[name] = _LINK.sub(r"\1", first[1]).replace("`", "").strip()
    return found
