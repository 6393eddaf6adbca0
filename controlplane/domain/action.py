"""An entry of the action ledger: who did what, when, to what, and how it ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ActionOutcome = Literal["running", "succeeded", "failed", "interrupted"]


@dataclass(frozen=True)
class Action:
    """``kind`` is a word such as maintenance, deploy, restore, drill or acknowledge; ``subject`` what it was done to.

    ``until`` is None while it runs, and equal to ``at`` for what takes no time. ``id`` is 0 until it is stored.
    ``key`` is that of the maintenance it opened, if it opened one.
    """

    id: int
    kind: str
    actor: str
    subject: str
    detail: str
    at: datetime
    until: datetime | None
    outcome: ActionOutcome
    key: str | None = None
