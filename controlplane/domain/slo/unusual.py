"""What a report says of anomalies: what was found in its time, and how right that was by what people said."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class AnomalyFact:
    """One episode. ``picture`` is an SVG of the stretch with its band, empty where it cannot be had any more."""

    id: str
    title: str
    title_zh: str
    series: str
    severity: str
    started: datetime
    ended: datetime | None
    reason: str
    reason_zh: str
    verdict: str | None = None
    picture: str = ""


@dataclass(frozen=True)
class AnomalyReport:
    """The most serious first. ``total`` counts all; ``real`` and ``fine`` are verdicts that stand, of any time."""

    facts: tuple[AnomalyFact, ...] = ()
    total: int = 0
    real: int = 0
    fine: int = 0
    problem: str | None = None
