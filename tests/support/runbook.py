"""Command blocks of the runbook.

A block starts with ```` ```console ````. The word behind it says how it is run:

    (nothing)     on the shared stack; the whole block must succeed
    status        on the shared stack; each line may end with 0 to 3, as monitoring plugins do
    own           on a stack of its own, in the order of the page; the whole block must succeed
    skip: REASON  not run
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
CHINESE_RUNBOOK = ROOT / "docs" / "runbook.zh.md"
_BLOCK = re.compile(r"^```console ?(.*?)\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One command block; ``line`` is where its first command stands."""

    line: int
    how: str
    commands: str

    @property
    def is_skipped(self) -> bool:
        """Whether it is marked as not run."""
        return self.how.startswith("skip:")

    @property
    def reason(self) -> str:
        """Why it is not run."""
        return self.how.removeprefix("skip:").strip()


def blocks(document: Path = RUNBOOK) -> list[Block]:
    """Every command block of a runbook, in order."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, match.start(2)) + 1, match[1].strip(), match[2]) for match in _BLOCK.finditer(text)
    ]
